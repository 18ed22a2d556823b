//! Every line of the stated precedence, each with the rules in both orders of the file.

mod common;

use common::{With, any, found, get, path, regex, router, taken};
use frontdesk_router::{Found, MatchRule};

/// Of two rules that both match, the first given wins, wherever it stands in the file.
#[track_caller]
fn wins(winner: &MatchRule, loser: &MatchRule, request: &common::Request) {
    let ahead = router(vec![winner.clone(), loser.clone()]);
    assert_eq!(taken(&ahead, request), 0, "winner first in the file");
    let behind = router(vec![loser.clone(), winner.clone()]);
    assert_eq!(taken(&behind, request), 1, "winner last in the file");
    let alone = router(vec![loser.clone()]);
    assert_eq!(taken(&alone, request), 0, "the loser matches too");
}

#[test]
fn priority_goes_before_all() {
    let specific = path("/a")
        .host("example.com")
        .methods(&["GET"])
        .header("x", Some("1"));
    wins(&any().priority(1), &specific, &get("/a").header("x", "1"));
    wins(&any(), &specific.priority(-1), &get("/a").header("x", "1"));
}

#[test]
fn exact_host_then_longer_wildcard_then_any() {
    let request = get("/a/b").host("x.y.example.com");
    let exact = any().host("x.y.example.com");
    let long = path("/a/b").host("*.y.example.com");
    let short = path("/a/b").host("*.example.com");
    wins(&exact, &long, &request);
    wins(&long, &short, &request);
    wins(&any().host("*.com"), &path("/a/b"), &request);
}

#[test]
fn exact_path_then_template_then_prefix_then_regex() {
    let request = get("/a/b");
    wins(&path("/a/b"), &path("/a/{x}"), &request);
    wins(&path("/{x}/{y}"), &path("/a/b/**"), &request);
    wins(&path("/a/**"), &regex("/a/b"), &request);
    wins(&any(), &regex("/a/b"), &request);
}

#[test]
fn longer_prefix_before_shorter_whatever_its_segments() {
    let request = get("/a/b/c/d");
    wins(&path("/a/b/**"), &path("/a/**"), &request);
    wins(&path("/{x}/{y}/**"), &path("/a/**"), &request);
    wins(&path("/{x}/b/{y}/**"), &path("/a/b/**"), &request);
    wins(&path("/a/**"), &any(), &request);
}

#[test]
fn no_path_counts_as_the_prefix_of_everything() {
    let request = get("/a?q=1");
    wins(&any().query("q", None), &path("/**"), &request);
    wins(&path("/**").query("q", None), &any(), &request);
}

#[test]
fn literal_before_variable_from_left_to_right() {
    let request = get("/a/b/c");
    wins(&path("/a/{x}/{y}"), &path("/{x}/b/c"), &request);
    wins(&path("/a/b/{x}"), &path("/a/{x}/c"), &request);
    wins(&path("/a/{x}/**"), &path("/{x}/b/**"), &request);
    wins(&path("/{x}/b/**"), &path("/{x}/{y}/**"), &request);
}

#[test]
fn then_method_then_headers_then_query() {
    let request = get("/a?p=1&q=2").header("x", "1").header("y", "2");
    let plain = path("/a");
    let header = plain.clone().header("x", Some("1"));
    let query = plain.clone().query("p", None);
    wins(
        &plain.clone().methods(&["GET"]),
        &header.clone().header("y", None),
        &request,
    );
    wins(&header.clone().header("y", None), &header, &request);
    wins(&header, &query.clone().query("q", Some("2")), &request);
    wins(&query.clone().query("q", None), &query, &request);
    wins(&query, &plain, &request);
}

#[test]
fn last_the_place_in_the_file() {
    let table = router(vec![regex("/a.*"), regex("/.*"), path("/b"), path("/b")]);
    assert_eq!(taken(&table, &get("/ab")), 0);
    assert_eq!(taken(&table, &get("/c")), 1);
    assert_eq!(taken(&table, &get("/b")), 2);
    let regexes = router(vec![
        regex("/.*"),
        regex("/a").methods(&["GET"]).header("x", None),
    ]);
    assert_eq!(
        taken(&regexes, &get("/a").header("x", "")),
        0,
        "conditions do not reorder regexes"
    );
}

#[test]
fn the_next_candidate_is_tried_over_paths_and_hosts() {
    let table = router(vec![
        path("/a/b").host("example.com").header("x", Some("1")),
        path("/a/{x}").host("example.com").header("x", Some("2")),
        path("/a/**").host("example.com").header("x", Some("3")),
        regex("/a/b").host("example.com").header("x", Some("4")),
        path("/a/b").host("*.com").header("x", Some("5")),
        path("/a/b").priority(-1),
    ]);
    for (value, expected) in [("1", 0), ("2", 1), ("3", 2), ("4", 3), ("5", 4), ("6", 5)] {
        assert_eq!(taken(&table, &get("/a/b").header("x", value)), expected);
    }
}

#[test]
fn a_literal_that_leads_nowhere_does_not_hide_the_variable() {
    let table = router(vec![
        path("/a/b/c/d"),
        path("/a/b/{x}/e"),
        path("/{w}/b/c/f"),
        path("/{w}/**"),
    ]);
    assert_eq!(taken(&table, &get("/a/b/c/d")), 0);
    assert_eq!(taken(&table, &get("/a/b/c/e")), 1);
    assert_eq!(taken(&table, &get("/a/b/c/f")), 2);
    assert_eq!(taken(&table, &get("/a/b/c/g")), 3);
}

#[test]
fn head_is_served_where_get_is() {
    let table = router(vec![
        path("/a").methods(&["GET"]),
        path("/a").methods(&["POST"]),
    ]);
    assert_eq!(taken(&table, &get("/a").method("HEAD")), 0);
    assert_eq!(taken(&table, &get("/a").method("POST")), 1);
    assert_eq!(
        found(&table, &get("/a").method("get")),
        Found::MethodNotAllowed
    );
}

#[test]
fn method_not_allowed_only_where_all_else_agrees() {
    let table = router(vec![
        path("/a").methods(&["GET", "PURGE"]),
        path("/a").methods(&["PUT"]).header("x", None),
        path("/b").methods(&["GET"]).query("q", None),
    ]);
    let delete = |target| get(target).method("DELETE");
    assert_eq!(found(&table, &delete("/a")), Found::MethodNotAllowed);
    assert_eq!(table.allowed(&delete("/a")), ["GET", "HEAD", "PURGE"]);
    assert_eq!(
        table.allowed(&delete("/a").header("x", "")),
        ["GET", "HEAD", "PURGE", "PUT"]
    );
    assert_eq!(found(&table, &delete("/b")), Found::NotFound);
    assert_eq!(found(&table, &delete("/b?q")), Found::MethodNotAllowed);
    assert_eq!(found(&table, &delete("/c")), Found::NotFound);
    assert!(table.allowed(&delete("/c")).is_empty());
}
