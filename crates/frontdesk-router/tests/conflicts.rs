//! Which rules nobody could tell apart.

mod common;

use common::{With, any, path, regex, router};
use frontdesk_router::{MatchRule, Router};

fn conflict(a: &MatchRule, b: &MatchRule) -> bool {
    let forth = router(vec![a.clone(), b.clone()]).conflicts();
    let back = router(vec![b.clone(), a.clone()]).conflicts();
    assert_eq!(forth, back);
    !forth.is_empty()
}

#[test]
fn equal_rules_conflict_whatever_their_spelling() {
    for (a, b) in [
        (any(), any()),
        (any(), path("/**")),
        (path("/a/{id}"), path("/a/{name}")),
        (path("/{a}/x/{b}/**"), path("/{b}/x/{a}/**")),
        (path("/%61"), path("/a")),
        (regex("/a.*"), regex("/a.*")),
        (any().host("A.example"), any().host("a.example")),
        (
            any().methods(&["GET", "POST"]),
            any().methods(&["POST", "GET"]),
        ),
        (
            any().methods(&["GET", "POST"]),
            any().methods(&["POST", "PURGE"]),
        ),
        (
            any().header("x", None).header("y", Some("1")),
            any().header("y", Some("1")).header("x", None),
        ),
        (
            any().query("p", None).query("q", None),
            any().query("q", None).query("p", None),
        ),
    ] {
        assert!(conflict(&a, &b), "{a:?} {b:?}");
    }
}

#[test]
fn rules_that_precedence_or_requests_tell_apart_do_not() {
    for (a, b) in [
        (any(), any().priority(1)),
        (any(), any().host("a.example")),
        (any().host("a.example"), any().host("*.a.example")),
        (path("/a/{id}"), path("/b/{id}")),
        (path("/a/{id}"), path("/a/{id}/**")),
        (path("/a/{id}"), path("/a/{id}/")),
        (path("/a"), regex("/a")),
        (regex("/a.*"), regex("/.*")),
        (any().methods(&["GET"]), any()),
        (any().methods(&["GET"]), any().methods(&["POST"])),
        (any().methods(&["GET"]), any().methods(&["HEAD"])),
        (any().header("x", Some("1")), any().header("x", Some("2"))),
        (any().header("x", None), any().header("x", Some("1"))),
        (any().query("p", None), any().query("q", None)),
        (any().header("p", None), any().query("p", None)),
    ] {
        assert!(!conflict(&a, &b), "{a:?} {b:?}");
    }
}

#[test]
fn rules_of_one_route_never_conflict() {
    let rule = |route| MatchRule {
        route,
        ..path("/a")
    };
    let table = Router::build(vec![rule(0), rule(0), rule(1), rule(1)]).expect("valid rules");
    assert_eq!(table.conflicts(), [(0, 2), (0, 3)]);
    let table = Router::build(vec![rule(7), rule(7)]).expect("valid rules");
    assert!(table.conflicts().is_empty());
}

#[test]
fn a_pair_is_reported_once_and_many_with_the_first() {
    let both = any().methods(&["GET", "POST"]);
    let table = router(vec![both.clone(), both.clone(), path("/x"), both]);
    assert_eq!(table.conflicts(), [(0, 1), (0, 3)]);
}
