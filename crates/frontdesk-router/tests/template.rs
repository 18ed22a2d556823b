//! Templates of rewrites and redirects.

mod common;

use common::{any, get, path, regex, router};
use frontdesk_router::{Captures, Found, MatchRule, PathFault, Template, TemplateKind};

/// Renders `template` for a request that `rule` takes.
fn render(
    rule: MatchRule,
    target: &str,
    template: &str,
    kind: TemplateKind,
) -> Result<String, String> {
    let table = router(vec![rule]);
    let request = get(target);
    let mut captures = Captures::new();
    table.find(&request, &mut captures);
    let template = Template::parse(template, table.variables(0), kind)?;
    let mut out = b"kept:".to_vec();
    let extra = |name: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(if name == "request.host" {
            b"example.com"
        } else {
            request.path.as_bytes()
        });
    };
    template.render(request.path.as_bytes(), &captures, &extra, &mut out);
    Ok(String::from_utf8_lossy(&out)
        .strip_prefix("kept:")
        .expect("what was there is kept")
        .to_owned())
}

#[test]
fn paths_are_filled_in() {
    let of =
        |pattern, target, template| render(path(pattern), target, template, TemplateKind::Path);
    assert_eq!(
        of("/a/{id}", "/a/42", "/orders/{id}").as_deref(),
        Ok("/orders/42")
    );
    assert_eq!(
        of("/{a}/{b}/**", "/1/2/3", "/{b}/x{a}.json").as_deref(),
        Ok("/2/x1.json")
    );
    assert_eq!(
        of("/a/{id}", "/a/%20", "/{id}/{id}").as_deref(),
        Ok("/%20/%20")
    );
    assert_eq!(of("/a", "/a", "/fixed").as_deref(), Ok("/fixed"));
    assert_eq!(
        of("/a/{id}", "/a/1", "/{{{id}}}").as_deref(),
        Ok("/%7B1%7D")
    );
    let absent = render(
        regex("/a(?P<rest>/.*)?"),
        "/a",
        "/b{rest}",
        TemplateKind::Path,
    );
    assert_eq!(
        absent.as_deref(),
        Ok("/b"),
        "a group that took no part is empty"
    );
}

/// The canonical path that `template` makes of a request that `rule` takes.
fn rewrite(rule: MatchRule, target: &str, template: &str) -> Result<String, PathFault> {
    let table = router(vec![rule]);
    let mut captures = Captures::new();
    assert!(matches!(
        table.find(&get(target), &mut captures),
        Found::Rule { .. }
    ));
    let template =
        Template::parse(template, table.variables(0), TemplateKind::Path).expect("valid");
    let mut out = b"kept:".to_vec();
    let result = template.render_path(target.as_bytes(), &captures, &mut out);
    let text = String::from_utf8_lossy(&out).into_owned();
    let path = text.strip_prefix("kept:").expect("what was there is kept");
    assert!(
        result.is_ok() || path.is_empty(),
        "nothing is left behind by a refused path"
    );
    result.map(|()| path.to_owned())
}

#[test]
fn rewritten_paths_are_canonical_again() {
    let rest = || regex("/a(?P<rest>.*)");
    assert_eq!(rewrite(rest(), "/a/b", "/x{rest}").as_deref(), Ok("/x/b"));
    assert_eq!(rewrite(rest(), "/a/b", "/x/{rest}").as_deref(), Ok("/x/b"));
    assert_eq!(rewrite(rest(), "/a", "/x/{rest}/y").as_deref(), Ok("/x/y"));
    assert_eq!(
        rewrite(path("/a/{id}"), "/a/%20", "/{id}").as_deref(),
        Ok("/%20")
    );
}

#[test]
fn values_cannot_join_into_what_no_path_may_have() {
    let rest = || regex("/a/b(?P<rest>.*)");
    assert_eq!(
        rewrite(rest(), "/a/b../secret", "/public/{rest}"),
        Err(PathFault::Joined)
    );
    assert_eq!(
        rewrite(rest(), "/a/b.", "/public/{rest}{rest}/x"),
        Err(PathFault::Joined)
    );
    let cut = || regex("/a(?P<start>%2).*");
    assert_eq!(
        rewrite(cut(), "/a%25", "/{start}F"),
        Err(PathFault::EncodedSlash)
    );
    assert_eq!(
        rewrite(cut(), "/a%25", "/y/{start}E./x"),
        Err(PathFault::Joined)
    );
    assert_eq!(
        rewrite(cut(), "/a%25", "/{start}"),
        Err(PathFault::BrokenEscape)
    );
}

#[test]
fn refused_paths_say_why() {
    for (template, part) in [
        ("orders/{id}", "write `/orders/{id}`"),
        ("{id}", "does not start with `/`"),
        ("/{nope}", "there are `{id}`"),
        ("/{request.host}", "not a variable here; there are `{id}`"),
        ("/{id", "a brace without its pair"),
        ("/id}", "a brace without its pair"),
        ("/{}", "`{}`, which is not a variable"),
        ("/a//{id}", "write `/a/x`"),
        ("/a/../{id}", "write `/x`"),
        ("/%61{id}", "write `/ax`"),
        ("/a b", "expected `%20`"),
        ("/a%2F{id}", "encoded slash"),
        ("/a?x={id}", "the query is kept"),
    ] {
        let message =
            Template::parse(template, &["id".to_owned()], TemplateKind::Path).expect_err(template);
        assert!(message.contains(part), "{template}: {message}");
    }
    let message = Template::parse("/{id}", &[], TemplateKind::Path).expect_err("no variables");
    assert!(message.contains("no variables"), "{message}");
}

#[test]
fn locations_are_filled_in() {
    let rest = "/v[0-9]+/old/(?P<rest>.*)";
    let of = |template| render(regex(rest), "/v1/old/a/b", template, TemplateKind::Location);
    for (template, expected) in [
        (
            "https://example.com/new/{rest}",
            "https://example.com/new/a/b",
        ),
        ("HTTPS://example.com", "HTTPS://example.com"),
        (
            "http://example.com:8080?x={rest}#f",
            "http://example.com:8080?x=a/b#f",
        ),
        (
            "https://{request.host}{request.path}",
            "https://example.com/v1/old/a/b",
        ),
        (
            "https://{request.host}:8443/{rest}",
            "https://example.com:8443/a/b",
        ),
        ("https://www.{request.host}/", "https://www.example.com/"),
        ("https://[::1]:80/{rest}", "https://[::1]:80/a/b"),
        ("/new/{rest}", "/new/a/b"),
        ("{request.path}/", "/v1/old/a/b/"),
    ] {
        assert_eq!(of(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn a_value_cannot_name_another_host() {
    let of = |template| {
        render(
            regex("/old(?P<rest>.*)"),
            "/old//evil.example",
            template,
            TemplateKind::Location,
        )
    };
    assert_eq!(of("/{rest}").as_deref(), Ok("/evil.example"));
    let path_alone = render(
        any(),
        "//evil.example/",
        "{request.path}",
        TemplateKind::Location,
    );
    assert_eq!(path_alone.as_deref(), Ok("/evil.example/"));
}

#[test]
fn a_value_cannot_add_a_query_parameter() {
    let of = |template| {
        render(
            path("/{a}"),
            "/x&admin=1+2",
            template,
            TemplateKind::Location,
        )
    };
    assert_eq!(of("/s?q={a}").as_deref(), Ok("/s?q=x%26admin%3D1%2B2"));
    assert_eq!(
        of("/{a}?q={a}#{a}").as_deref(),
        Ok("/x&admin=1+2?q=x%26admin%3D1%2B2#x&admin=1+2")
    );
}

#[test]
fn refused_locations_say_why() {
    for (template, part) in [
        ("", "must start with"),
        ("javascript:alert(1)", "must start with"),
        ("ftp://example.com/", "must start with"),
        ("example.com/a", "must start with"),
        ("{id}", "must start with"),
        ("{request.host}/a", "must start with"),
        ("//example.com/", "write the scheme too"),
        ("https:///a", "has no host"),
        ("https://", "has no host"),
        ("https://:80/", "is empty"),
        ("https://{id}/", "variable within the host"),
        ("https://example.com{id}", "variable within the host"),
        ("https://example.com:{id}/", "variable within the host"),
        ("{id}://example.com/", "must start with"),
        ("https://user@example.com/", "user information"),
        ("https://example.com:99999/", "write the host alone"),
        ("https://ex%61mple.com/", "'%'"),
        ("https://*.example.com/", "has no host"),
        ("https://example.com/a b", "' '"),
        ("https://example.com/\r\nx: y", "'\\r'"),
        ("https://example.com\\a", "'\\\\'"),
        ("/ä", "'ä'"),
        (
            "/{nope}",
            "there are `{id}`, `{request.host}`, `{request.path}`",
        ),
    ] {
        let message = Template::parse(template, &["id".to_owned()], TemplateKind::Location)
            .expect_err(template);
        assert!(message.contains(part), "{template}: {message}");
    }
}
