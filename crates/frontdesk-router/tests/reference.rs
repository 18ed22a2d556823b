//! The router against a naive matcher that knows nothing but the stated precedence.

mod common;

use std::cmp::{Ordering, Reverse};

use common::{Request, found};
use frontdesk_router::{Captures, FieldRule, Found, MatchRule, PathKind, PathRule, Reason, Router};
use proptest::prelude::*;
use proptest::sample::select;

const HOSTS: [&str; 7] = [
    "a.test",
    "b.a.test",
    "c.b.a.test",
    "*.a.test",
    "*.b.a.test",
    "*.test",
    "z.example",
];
const REGEXES: [&str; 11] = [
    "/ab?",
    "/a/b*",
    "^/a{1}/.*",
    "/b+/a",
    "(?i)/A/.*",
    "/a/b|/b/a",
    "/a.*",
    "/[ab]/[ab]",
    "/(?P<x>[^/]+)/b(?P<y>/.*)?",
    "/.*b",
    "/",
];
const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "PURGE"];

fn path_rule() -> impl Strategy<Value = PathRule> {
    let segment = select(vec!["a", "b", "c", "{}"]);
    let closing = select(vec!["", "", "", "/", "/**", "/**"]);
    let pattern =
        (prop::collection::vec(segment, 0..5), closing).prop_map(|(segments, closing)| {
            let mut text = String::new();
            for (index, segment) in segments.iter().enumerate() {
                text.push('/');
                text.push_str(&segment.replace("{}", &format!("{{v{index}}}")));
            }
            text.push_str(closing);
            let value = if text.is_empty() {
                "/".to_owned()
            } else {
                text
            };
            let (kind, value, _) = frontdesk_router::check_path_pattern(&value).expect("a pattern");
            PathRule { kind, value }
        });
    let regex = select(REGEXES.to_vec()).prop_map(|text| PathRule {
        kind: PathKind::Regex,
        value: text.to_owned(),
    });
    prop_oneof![6 => pattern, 1 => regex]
}

fn fields(names: [&'static str; 2]) -> impl Strategy<Value = Vec<FieldRule>> {
    let field = (
        select(names.to_vec()),
        select(vec![None, Some("1"), Some("2")]),
    )
        .prop_map(|(name, value)| FieldRule {
            name: name.into(),
            value: value.map(str::to_owned),
        });
    prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(field, 1..3)]
}

fn rule() -> impl Strategy<Value = MatchRule> {
    let host = prop_oneof![
        Just(None),
        select(HOSTS.to_vec()).prop_map(|host| Some(host.to_owned()))
    ];
    let methods = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(select(METHODS.to_vec()).prop_map(str::to_owned), 1..3)
    ];
    let priority = prop_oneof![6 => Just(0), 1 => -1..2];
    let path = prop::option::weighted(0.9, path_rule());
    (
        0_u32..4,
        priority,
        host,
        path,
        methods,
        fields(["x", "y"]),
        fields(["p", "q"]),
    )
        .prop_map(
            |(route, priority, host, path, methods, headers, query)| MatchRule {
                route,
                priority,
                host,
                path,
                methods,
                headers,
                query,
            },
        )
}

fn request() -> impl Strategy<Value = Request> {
    let host = prop::option::weighted(
        0.9,
        select(vec![
            "a.test",
            "B.a.test",
            "c.b.a.test.",
            "d.c.b.a.test",
            "z.example",
            "other",
        ]),
    );
    let path = prop::collection::vec(select(vec!["a", "b", "c", "d", "a", "b", ""]), 1..6);
    let values = prop::collection::vec((select(vec!["x", "y"]), select(vec!["1", "2"])), 0..3);
    let query = prop::option::of(select(vec!["p=1", "q=2", "p=2&q=1", "p&q=2&p=1", ""]));
    (host, select(METHODS.to_vec()), path, values, query).prop_map(
        |(host, method, path, values, query)| Request {
            host: host.map(str::to_owned),
            method: method.to_owned(),
            path: format!("/{}", path.join("/")),
            query: query.map(str::to_owned),
            headers: values
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        },
    )
}

fn host_matches(rule: &MatchRule, request: &Request) -> bool {
    let Some(expected) = &rule.host else {
        return true;
    };
    let Some(host) = &request.host else {
        return false;
    };
    let host = host.to_lowercase();
    let host = host.trim_end_matches('.');
    match expected.strip_prefix('*') {
        Some(suffix) => host.ends_with(suffix) && host.len() > suffix.len(),
        None => host == expected,
    }
}

fn path_matches(rule: &MatchRule, request: &Request) -> bool {
    let Some(PathRule { kind, value }) = &rule.path else {
        return true;
    };
    let path = &request.path;
    if *kind == PathKind::Regex {
        return whole(value).is_match(path);
    }
    let expected: Vec<&str> = value
        .strip_suffix("/**")
        .unwrap_or(value)
        .split('/')
        .collect();
    let found: Vec<&str> = path.split('/').collect();
    let same = |(expected, found): (&&str, &&str)| {
        if expected.starts_with('{') {
            !found.is_empty()
        } else {
            expected == found
        }
    };
    let long_enough = if *kind == PathKind::Prefix {
        found.len() >= expected.len()
    } else {
        found.len() == expected.len()
    };
    long_enough && expected.iter().zip(&found).all(same)
}

fn whole(text: &str) -> regex::Regex {
    regex::Regex::new(&format!("^({text})$")).expect("a regex")
}

fn method_matches(rule: &MatchRule, request: &Request) -> bool {
    let lists = |method: &str| rule.methods.iter().any(|listed| listed == method);
    rule.methods.is_empty() || lists(&request.method) || (request.method == "HEAD" && lists("GET"))
}

fn fields_match(rule: &MatchRule, request: &Request) -> bool {
    let header = |rule: &FieldRule| {
        let first = request.headers.iter().find(|(name, _)| *name == rule.name);
        first.is_some_and(|(_, value)| rule.value.as_ref().is_none_or(|expected| expected == value))
    };
    let query = |rule: &FieldRule| {
        request
            .query
            .iter()
            .flat_map(|query| query.split('&'))
            .any(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                name == rule.name && rule.value.as_ref().is_none_or(|expected| expected == value)
            })
    };
    rule.headers.iter().all(header) && rule.query.iter().all(query)
}

/// The stated precedence of two rules that both match, without their place in the file.
fn precedence(a: &MatchRule, b: &MatchRule) -> Ordering {
    let host = |rule: &MatchRule| match &rule.host {
        Some(host) if host.starts_with('*') => (1, Reverse(host.len())),
        Some(_) => (0, Reverse(0)),
        None => (2, Reverse(0)),
    };
    let kind = |rule: &MatchRule| {
        rule.path
            .as_ref()
            .map_or(PathKind::Prefix, |path| path.kind)
    };
    let segments = |rule: &MatchRule| {
        let value = rule.path.as_ref().map_or("/**", |path| &path.value);
        let value = value.strip_suffix("/**").unwrap_or(value);
        value
            .split('/')
            .map(|segment| segment.starts_with('{'))
            .collect::<Vec<bool>>()
    };
    let rest = |rule: &MatchRule| {
        (
            rule.methods.is_empty(),
            Reverse(rule.headers.len()),
            Reverse(rule.query.len()),
        )
    };
    let before_rest = b
        .priority
        .cmp(&a.priority)
        .then(host(a).cmp(&host(b)))
        .then(kind(a).cmp(&kind(b)));
    if kind(a) == PathKind::Regex || before_rest.is_ne() {
        return before_rest;
    }
    let (mine, theirs) = (segments(a), segments(b));
    theirs
        .len()
        .cmp(&mine.len())
        .then(mine.cmp(&theirs))
        .then(rest(a).cmp(&rest(b)))
}

fn reference(rules: &[MatchRule], request: &Request) -> Found {
    let but_method = |rule: &MatchRule| {
        host_matches(rule, request) && path_matches(rule, request) && fields_match(rule, request)
    };
    let mut candidates: Vec<usize> = (0..rules.len())
        .filter(|index| but_method(&rules[*index]))
        .collect();
    if candidates.is_empty() {
        return Found::NotFound;
    }
    candidates.sort_by(|a, b| precedence(&rules[*a], &rules[*b]).then(a.cmp(b)));
    let first = candidates
        .into_iter()
        .find(|index| method_matches(&rules[*index], request));
    first.map_or(Found::MethodNotAllowed, |index| Found::Rule {
        rule: index as u32,
        route: rules[index].route,
    })
}

fn reference_variable(rule: &MatchRule, name: &str, path: &str) -> Option<String> {
    let PathRule { kind, value } = rule.path.as_ref()?;
    if *kind == PathKind::Regex {
        let regex = whole(value);
        return regex
            .captures(path)?
            .name(name)
            .map(|found| found.as_str().to_owned());
    }
    let wanted = format!("{{{name}}}");
    value
        .split('/')
        .zip(path.split('/'))
        .find(|(expected, _)| *expected == wanted)
        .map(|(_, found)| found.to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_the_precedence_says(
        rules in prop::collection::vec(rule(), 0..40),
        requests in prop::collection::vec(request(), 1..20),
    ) {
        let router = Router::build(rules.clone()).expect("valid rules");
        let mut captures = Captures::new();
        for request in &requests {
            let result = router.find(request, &mut captures);
            prop_assert_eq!(result, reference(&rules, request), "{:?}", request);
            if let Found::Rule { rule, .. } = result {
                for (index, name) in router.variables(rule).iter().enumerate() {
                    let value = captures.get(index, request.path.as_bytes());
                    let expected = reference_variable(&rules[rule as usize], name, &request.path);
                    prop_assert_eq!(value, expected.as_deref().map(str::as_bytes));
                }
            }
        }
    }

    #[test]
    fn explain_agrees_with_find_and_with_the_conditions(
        rules in prop::collection::vec(rule(), 0..20),
        request in request(),
    ) {
        let router = Router::build(rules.clone()).expect("valid rules");
        let verdicts = router.explain(&request);
        prop_assert_eq!(verdicts.len(), rules.len());
        let taken: Vec<Found> = verdicts.iter().filter(|verdict| verdict.reason == Reason::Taken)
            .map(|verdict| Found::Rule { rule: verdict.rule, route: verdict.route }).collect();
        let result = found(&router, &request);
        let expected: Vec<Found> = [result].into_iter().filter(|f| matches!(f, Found::Rule { .. })).collect();
        prop_assert_eq!(taken, expected);
        let mut was_taken = false;
        let mut previous: Option<&MatchRule> = None;
        for verdict in &verdicts {
            let rule = &rules[verdict.rule as usize];
            let (host, path) = (host_matches(rule, &request), path_matches(rule, &request));
            let method = method_matches(rule, &request);
            let agrees = match &verdict.reason {
                Reason::Taken => host && path && method && fields_match(rule, &request) && !was_taken,
                Reason::Shadowed { .. } => host && path && method && fields_match(rule, &request) && was_taken,
                Reason::Host { .. } => !host,
                Reason::Path { .. } => host && !path,
                Reason::Method { .. } => host && path && !method,
                Reason::Header { .. } | Reason::Query { .. } => host && path && method && !fields_match(rule, &request),
            };
            prop_assert!(agrees, "{:?} of {:?}", verdict, rule);
            was_taken |= verdict.reason == Reason::Taken;
            if host && path {
                prop_assert!(previous.is_none_or(|before| precedence(before, rule).is_le()), "order");
                previous = Some(rule);
            }
        }
    }

    #[test]
    fn allowed_lists_what_would_help(
        rules in prop::collection::vec(rule(), 0..20),
        request in request(),
    ) {
        let router = Router::build(rules).expect("valid rules");
        if found(&router, &request) == Found::MethodNotAllowed {
            let allowed = router.allowed(&request);
            prop_assert!(!allowed.is_empty());
            prop_assert!(allowed.is_sorted());
            for method in METHODS {
                let with = Request { method: method.to_owned(), ..request.clone() };
                let helps = matches!(found(&router, &with), Found::Rule { .. });
                prop_assert_eq!(allowed.iter().any(|listed| listed == method), helps, "{}", method);
            }
        }
    }
}
