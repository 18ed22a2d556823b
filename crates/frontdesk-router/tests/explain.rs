//! What is said about each rule.

mod common;

use common::{With, any, get, path, regex, router};
use frontdesk_router::{Reason, Verdict};

#[test]
fn each_rule_has_its_reason_in_order_of_precedence() {
    let table = router(vec![
        any(),
        regex("/o.*"),
        path("/orders/**").header("x-beta", Some("1")),
        path("/orders/{id}").methods(&["POST", "GET"]),
        path("/orders/7").host("*.example.org"),
        path("/orders/7").query("debug", Some("a b")),
        path("/orders/**").header("x-beta", None),
        path("/users/{id}"),
        path("/orders/{id}").methods(&["PUT"]).priority(1),
        path("/orders/{id}").methods(&["DELETE"]),
    ]);
    let request = get("/orders/7?debug=%61&debug=a+b2")
        .method("DELETE")
        .header("x-beta", "2");
    let text = str::to_owned;
    let expected = [
        (
            8,
            Reason::Method {
                allowed: vec![text("PUT")],
            },
        ),
        (
            4,
            Reason::Host {
                expected: text("*.example.org"),
            },
        ),
        (
            5,
            Reason::Query {
                name: text("debug"),
                expected: Some(text("a b")),
                found: Some(text("a")),
            },
        ),
        (
            3,
            Reason::Method {
                allowed: vec![text("GET"), text("HEAD"), text("POST")],
            },
        ),
        (9, Reason::Taken),
        (
            7,
            Reason::Path {
                expected: text("/users/{id}"),
            },
        ),
        (
            2,
            Reason::Header {
                name: text("x-beta"),
                expected: Some(text("1")),
                found: Some(text("2")),
            },
        ),
        (6, Reason::Shadowed { by: 9 }),
        (0, Reason::Shadowed { by: 9 }),
        (1, Reason::Shadowed { by: 9 }),
    ];
    let expected = expected.map(|(rule, reason)| Verdict {
        rule,
        route: rule,
        reason,
    });
    assert_eq!(table.explain(&request), expected);
}

#[test]
fn a_missing_field_is_said_to_be_missing() {
    let table = router(vec![any().header("x", None), any().query("q", None)]);
    let reasons: Vec<Reason> = table
        .explain(&get("/"))
        .into_iter()
        .map(|verdict| verdict.reason)
        .collect();
    let name = str::to_owned;
    assert_eq!(
        reasons,
        [
            Reason::Header {
                name: name("x"),
                expected: None,
                found: None
            },
            Reason::Query {
                name: name("q"),
                expected: None,
                found: None
            },
        ]
    );
}
