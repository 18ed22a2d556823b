//! Sets of methods.

/// Methods with a bit of their own, sorted by name.
const KNOWN: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
const GET: u8 = 1 << 1;
const HEAD: u8 = 1 << 2;

/// The method of a request, looked up once for all rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method<'a> {
    bit: u8,
    name: &'a [u8],
}

impl<'a> Method<'a> {
    #[inline]
    pub(crate) fn of(name: &'a [u8]) -> Self {
        Self {
            bit: bit_of(name),
            name,
        }
    }
}

fn bit_of(name: &[u8]) -> u8 {
    KNOWN
        .iter()
        .position(|known| known.as_bytes() == name)
        .map_or(0, |index| 1 << index)
}

/// The methods a rule lists.
#[derive(Debug, Clone)]
pub(crate) struct MethodSet {
    listed: u8,
    others: Box<[Box<str>]>,
}

impl MethodSet {
    pub(crate) fn new(methods: &[String]) -> Self {
        let (known, other): (Vec<&String>, Vec<&String>) = methods
            .iter()
            .partition(|name| bit_of(name.as_bytes()) != 0);
        let listed = known
            .iter()
            .fold(0, |bits, name| bits | bit_of(name.as_bytes()));
        let mut others: Vec<Box<str>> =
            other.into_iter().map(|name| name.as_str().into()).collect();
        others.sort_unstable();
        others.dedup();
        Self {
            listed,
            others: others.into(),
        }
    }

    /// Whether no method is listed, which means all.
    pub(crate) fn is_any(&self) -> bool {
        self.listed == 0 && self.others.is_empty()
    }

    /// Whether the rule serves the method; GET serves HEAD too (RFC 9110 §9.3.2).
    #[inline]
    pub(crate) fn serves(&self, method: Method<'_>) -> bool {
        if method.bit == 0 {
            self.is_any()
                || self
                    .others
                    .iter()
                    .any(|other| other.as_bytes() == method.name)
        } else {
            self.served_bits() & method.bit != 0 || self.is_any()
        }
    }

    fn served_bits(&self) -> u8 {
        if self.listed & GET == 0 {
            self.listed
        } else {
            self.listed | HEAD
        }
    }

    /// The methods as they were listed.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &str> {
        names(self.listed).chain(self.others.iter().map(AsRef::as_ref))
    }

    /// The methods that are served, HEAD where GET is.
    pub(crate) fn served(&self) -> impl Iterator<Item = &str> {
        names(self.served_bits()).chain(self.others.iter().map(AsRef::as_ref))
    }
}

fn names<'a>(bits: u8) -> impl Iterator<Item = &'a str> {
    KNOWN
        .into_iter()
        .enumerate()
        .filter(move |(index, _)| bits & 1 << index != 0)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{Method, MethodSet};

    fn set(names: &[&str]) -> MethodSet {
        MethodSet::new(
            &names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn get_serves_head_and_nothing_else() {
        let methods = set(&["GET"]);
        assert!(methods.serves(Method::of(b"GET")));
        assert!(methods.serves(Method::of(b"HEAD")));
        assert!(!methods.serves(Method::of(b"POST")));
        assert!(
            !methods.serves(Method::of(b"get")),
            "methods are case-sensitive"
        );
        assert_eq!(methods.served().collect::<Vec<_>>(), ["GET", "HEAD"]);
        assert_eq!(methods.listed().collect::<Vec<_>>(), ["GET"]);
    }

    #[test]
    fn unknown_methods_are_compared_by_name() {
        let methods = set(&["PURGE", "POST", "PURGE"]);
        assert!(methods.serves(Method::of(b"PURGE")));
        assert!(methods.serves(Method::of(b"POST")));
        assert!(!methods.serves(Method::of(b"REPORT")));
        assert_eq!(methods.served().collect::<Vec<_>>(), ["POST", "PURGE"]);
    }

    #[test]
    fn no_method_is_any_method() {
        assert!(set(&[]).is_any());
        assert!(set(&[]).serves(Method::of(b"GET")));
        assert!(set(&[]).serves(Method::of(b"REPORT")));
    }
}
