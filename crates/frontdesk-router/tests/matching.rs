//! What hosts, paths, headers and captures match.

mod common;

use common::{With, any, found, get, path, regex, router, taken};
use frontdesk_router::{BuildError, Captures, Found, MatchRule, PathKind, PathRule, Router};

fn matches(rule: &MatchRule, request: &common::Request) -> bool {
    matches!(
        found(&router(vec![rule.clone()]), request),
        Found::Rule { .. }
    )
}

#[test]
fn hosts_are_compared_without_case_and_trailing_dot() {
    for host in [
        "api.example.com",
        "API.Example.COM",
        "api.example.com.",
        "API.EXAMPLE.com.",
    ] {
        assert!(
            matches(&any().host("Api.example.com"), &get("/").host(host)),
            "{host}"
        );
        assert!(
            matches(&any().host("*.EXAMPLE.com"), &get("/").host(host)),
            "{host}"
        );
    }
    for host in [
        "example.com",
        "xapi.example.com",
        "api.example.com.evil",
        "",
        ".",
        "api.example.com..",
    ] {
        assert!(
            !matches(&any().host("api.example.com"), &get("/").host(host)),
            "{host}"
        );
    }
}

#[test]
fn a_wildcard_stands_for_one_label_or_more() {
    let rule = any().host("*.example.com");
    for host in ["a.example.com", "b.a.example.com", "c.b.a.example.com"] {
        assert!(matches(&rule, &get("/").host(host)), "{host}");
    }
    for host in [
        "example.com",
        ".example.com",
        "aexample.com",
        "a.example.com.org",
        "com",
    ] {
        assert!(!matches(&rule, &get("/").host(host)), "{host}");
    }
}

#[test]
fn address_literals_match_in_every_spelling() {
    for host in ["[2001:DB8::1]", "[2001:db8:0:0::0001]", "2001:db8::1"] {
        assert!(
            matches(&any().host("2001:db8::1"), &get("/").host(host)),
            "{host}"
        );
        assert!(
            matches(&any().host("[2001:0DB8::1]"), &get("/").host(host)),
            "{host}"
        );
    }
    assert!(matches(
        &any().host("192.0.2.1"),
        &get("/").host("192.0.2.1")
    ));
    assert!(!matches(
        &any().host("192.0.2.1"),
        &get("/").host("192.0.2.10")
    ));
}

#[test]
fn without_host_only_rules_without_host() {
    let table = router(vec![any().host("example.com"), any().host("*.com"), any()]);
    assert_eq!(taken(&table, &get("/").without_host()), 2);
    assert_eq!(
        taken(&table, &get("/").host(&"a.".repeat(300))),
        2,
        "longer than any host"
    );
}

#[test]
fn a_prefix_is_of_whole_segments_and_takes_itself() {
    for target in [
        "/a/b",
        "/a/b/",
        "/a/b/c",
        "/a/b//",
        "/a/b/c/d/e/f/g/h/i/j/k/l/m",
    ] {
        assert!(matches(&path("/a/b/**"), &get(target)), "{target}");
    }
    for target in ["/a", "/a/", "/a/bc", "/a/b%20", "/", "/b/a/b"] {
        assert!(!matches(&path("/a/b/**"), &get(target)), "{target}");
    }
    for target in ["/", "/a", "//"] {
        assert!(matches(&path("/**"), &get(target)), "{target}");
    }
}

#[test]
fn a_variable_is_one_segment_that_is_not_empty() {
    for target in ["/a/1", "/a/%20", "/a/..x"] {
        assert!(matches(&path("/a/{id}"), &get(target)), "{target}");
    }
    for target in ["/a/", "/a", "/a/1/", "/a/1/2", "/b/1"] {
        assert!(!matches(&path("/a/{id}"), &get(target)), "{target}");
    }
    assert!(matches(&path("/a/{id}/"), &get("/a/1/")));
    assert!(!matches(&path("/a/{id}/"), &get("/a/1")));
    assert!(matches(&path("/a/{id}/**"), &get("/a/1")));
    assert!(!matches(&path("/a/{id}/**"), &get("/a/")));
    assert!(!matches(&path("/a/{id}/b"), &get("/a//b")));
}

#[test]
fn an_exact_path_is_just_that() {
    assert!(matches(&path("/a"), &get("/a")));
    assert!(matches(&path("/"), &get("/")));
    for target in ["/a/", "/A", "/", "/a/b"] {
        assert!(!matches(&path("/a"), &get(target)), "{target}");
    }
}

#[test]
fn a_regex_matches_the_whole_path() {
    for text in [
        "/v[0-9]+/x",
        "^/v[0-9]+/x$",
        "/y|/v[0-9]+/x",
        "(?x) /v [0-9]+ /x # version",
    ] {
        assert!(matches(&regex(text), &get("/v12/x")), "{text}");
        for target in ["/v12/x/", "/a/v12/x", "/v12/xy", "/v/x"] {
            assert!(!matches(&regex(text), &get(target)), "{text} {target}");
        }
    }
    assert!(
        matches(&regex("/a|/ab"), &get("/ab")),
        "the longer alternative is found too"
    );
}

#[test]
fn headers_are_compared_exactly_by_their_first_value() {
    let exact = any().header("x", Some("1"));
    assert!(matches(&exact, &get("/").header("x", "1")));
    assert!(matches(&exact, &get("/").header("x", "1").header("x", "2")));
    assert!(!matches(
        &exact,
        &get("/").header("x", "2").header("x", "1")
    ));
    assert!(!matches(&exact, &get("/").header("x", "")));
    assert!(!matches(&exact, &get("/")));
    assert!(matches(&any().header("x", None), &get("/").header("x", "")));
    assert!(!matches(
        &any().header("x", None),
        &get("/").header("y", "")
    ));
}

#[track_caller]
fn captured(rule: MatchRule, target: &str) -> Vec<(String, Option<String>)> {
    let table = router(vec![rule]);
    let mut captures = Captures::new();
    assert_eq!(
        table.find(&get(target), &mut captures),
        Found::Rule { rule: 0, route: 0 }
    );
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let value = |index| captures.get(index, target.as_bytes()).map(text);
    assert_eq!(captures.len(), table.variables(0).len());
    table
        .variables(0)
        .iter()
        .enumerate()
        .map(|(index, name)| (name.clone(), value(index)))
        .collect()
}

#[test]
fn variables_are_captured_in_order() {
    let pairs = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())))
            .collect::<Vec<_>>()
    };
    assert_eq!(captured(path("/a/{id}"), "/a/42"), pairs(&[("id", "42")]));
    assert_eq!(
        captured(path("/{b}/x/{a}/**"), "/1/x/2/3/4"),
        pairs(&[("b", "1"), ("a", "2")])
    );
    assert_eq!(
        captured(path("/{b}/x/{a}/**"), "/1/x/2"),
        pairs(&[("b", "1"), ("a", "2")])
    );
    assert_eq!(captured(path("/a/**"), "/a/b"), []);
    let many = "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}";
    let values = captured(path(many), "/0/1/2/3/4/5/6/7/8/9");
    assert_eq!(values.last(), Some(&("j".to_owned(), Some("9".to_owned()))));
}

#[test]
fn regex_groups_are_captured_if_they_took_part() {
    let rule = regex("/(?P<a>[0-9]+)(/x(?<b>.*))?");
    assert_eq!(
        captured(rule.clone(), "/12/xyz"),
        [
            ("a".into(), Some("12".into())),
            ("b".into(), Some("yz".into()))
        ]
    );
    assert_eq!(
        captured(rule, "/12"),
        [("a".into(), Some("12".into())), ("b".into(), None)]
    );
}

#[test]
fn captures_are_emptied_where_nothing_matches() {
    let table = router(vec![path("/a/{id}")]);
    let mut captures = Captures::new();
    table.find(&get("/a/1"), &mut captures);
    assert_eq!(table.find(&get("/b"), &mut captures), Found::NotFound);
    assert!(captures.is_empty());
    assert!(table.variables(7).is_empty());
}

#[test]
fn a_long_hostile_path_ends_at_the_depth_of_the_patterns() {
    let table = router(vec![
        path("/{a}/{b}/{c}/x"),
        path("/a/{b}/a/y"),
        path("/{a}/a/**"),
    ]);
    assert_eq!(taken(&table, &get(&"/a".repeat(4000))), 2);
    assert_eq!(found(&table, &get(&"/b".repeat(4000))), Found::NotFound);
}

#[test]
fn bad_rules_are_refused_with_their_index() {
    let kind = |kind, value: &str| MatchRule {
        path: Some(PathRule {
            kind,
            value: value.into(),
        }),
        ..any()
    };
    for (rule, part) in [
        (any().host("a b"), "host `a b`"),
        (kind(PathKind::Exact, "a"), "does not start with `/`"),
        (
            kind(PathKind::Exact, "/a/**"),
            "is of kind prefix, the rule says exact",
        ),
        (kind(PathKind::Regex, "/("), "unclosed group"),
    ] {
        let BuildError { rule, message } = Router::build(vec![any(), rule]).expect_err("refused");
        assert_eq!(rule, 1);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_router_is_shared_by_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&router(vec![any(), regex("/a")]));
}
