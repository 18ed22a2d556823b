//! What patterns, regexes and hosts may look like, and what is said about those that may not.

use frontdesk_router::{PathKind, check_host_pattern, check_path_pattern, check_path_regex};

#[test]
fn patterns_have_a_kind_a_canonical_form_and_variables() {
    let cases: [(&str, PathKind, &str, &[&str]); 19] = [
        ("/", PathKind::Exact, "/", &[]),
        ("/robots.txt", PathKind::Exact, "/robots.txt", &[]),
        ("/a/", PathKind::Exact, "/a/", &[]),
        ("/%61//b%3a", PathKind::Exact, "/a/b%3A", &[]),
        ("//", PathKind::Exact, "/", &[]),
        ("/a|b", PathKind::Exact, "/a%7Cb", &[]),
        ("/%7Bid%7D", PathKind::Exact, "/%7Bid%7D", &[]),
        ("/a/{id}", PathKind::Template, "/a/{id}", &["id"]),
        (
            "/{_a1}/b/{B}/",
            PathKind::Template,
            "/{_a1}/b/{B}/",
            &["_a1", "B"],
        ),
        ("/{a}//%7e", PathKind::Template, "/{a}/~", &["a"]),
        ("/**", PathKind::Prefix, "/**", &[]),
        ("//**", PathKind::Prefix, "/**", &[]),
        ("/a/**", PathKind::Prefix, "/a/**", &[]),
        ("/a//**", PathKind::Prefix, "/a/**", &[]),
        (
            "/v2/{tenant}/orders/**",
            PathKind::Prefix,
            "/v2/{tenant}/orders/**",
            &["tenant"],
        ),
        ("/{a}/**", PathKind::Prefix, "/{a}/**", &["a"]),
        ("/.well-known/**", PathKind::Prefix, "/.well-known/**", &[]),
        ("/a%2Ab", PathKind::Exact, "/a%2Ab", &[]),
        ("/a;x", PathKind::Exact, "/a;x", &[]),
    ];
    for (text, kind, canonical, variables) in cases {
        let expected = (
            kind,
            canonical.to_owned(),
            variables.iter().map(|&v| v.to_owned()).collect(),
        );
        assert_eq!(check_path_pattern(text), Ok(expected.clone()), "{text}");
        assert_eq!(
            check_path_pattern(canonical),
            Ok(expected),
            "the canonical form of {text} is a pattern"
        );
    }
}

#[test]
fn refused_patterns_say_what_to_write_instead() {
    for (text, part) in [
        ("", "write `/`"),
        ("a/b", "write `/a/b`"),
        ("*", "does not start with `/`"),
        ("/*", "write `/**` at the end"),
        ("/a/*/b", "`{name}` for one whole segment"),
        ("/a*", "has a `*` within `a*`"),
        ("/a/b**", "has a `*` within `b**`"),
        ("/**/a", "`**` that is not its last segment"),
        ("/a/**/", "`**` that is not its last segment"),
        ("/{a}{b}", "a variable must be a whole segment"),
        ("/x{a}", "found `x{a}`"),
        ("/{a}.json", "found `{a}.json`"),
        ("/{a", "found `{a`"),
        ("/a}", "`%7B` for a brace"),
        ("/{{a}}", "found `{{a}}`"),
        ("/{}", "`` is not a variable name"),
        ("/{1a}", "`1a` is not a variable name"),
        ("/{a-b}", "`a-b` is not a variable name"),
        ("/{ä}", "`ä` is not a variable name"),
        ("/{a:int}", "`a:int` is not a variable name"),
        ("/{a}/{a}", "the variable `{a}` twice"),
        ("/a/../b", "dot segment `..`"),
        ("/./b", "dot segment `.`"),
        ("/a/%2e%2E", "dot segment `%2e%2E`"),
        ("/a?b=1", "under `query:`"),
        ("/a#b", "raw `#`"),
        ("/a b", "expected `%20`"),
        ("/ä", "expected `%C3`"),
        ("/a%2Fb", "encoded slash"),
        ("/a\\b", "backslash"),
        ("/..;/a", "parameter on a dot segment"),
        ("/100%", "a plain % is `%25`"),
    ] {
        let message = check_path_pattern(text).expect_err(text);
        assert!(
            message.contains(part) && message.contains(text),
            "{text}: {message}"
        );
    }
}

#[test]
fn regexes_are_judged_with_their_groups() {
    let names = |text| check_path_regex(text).map(|names| names.join(","));
    assert_eq!(names("^/v[0-9]+/old/(?P<rest>.*)$").as_deref(), Ok("rest"));
    assert_eq!(names("/(?<a>x)(y)(?P<b>z)").as_deref(), Ok("a,b"));
    assert_eq!(names("/a|/b").as_deref(), Ok(""));
}

#[test]
fn refused_regexes_give_the_reason() {
    for (text, part) in [
        ("", "is empty"),
        ("/(", "unclosed group"),
        ("/a)|(/b", "unopened group"),
        ("/(?=x)", "look-around"),
        (r"/(a)\1", "backreferences"),
        ("/ä", "%C3%A4"),
        ("/(?P<a>x)(?P<a>y)", "duplicate capture group name"),
        ("/((a{100}){100}){100}", "size limit"),
    ] {
        let message = check_path_regex(text).expect_err(text);
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn hosts_have_one_form() {
    for (text, expected) in [
        ("example.com", "example.com"),
        ("API.Example.com", "api.example.com"),
        ("*.Example.com", "*.example.com"),
        ("*.com", "*.com"),
        ("localhost", "localhost"),
        ("my_service.internal", "my_service.internal"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("1a.example", "1a.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "[2001:db8::1]"),
        ("[::1]", "[::1]"),
    ] {
        assert_eq!(check_host_pattern(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn refused_hosts_say_what_to_write_instead() {
    let long_label = format!("{}.example", "a".repeat(64));
    let long = "a.".repeat(127) + "a";
    for (text, part) in [
        ("", "leave `host` out"),
        ("*", "leave `host` out"),
        ("*.", "is empty"),
        ("a.*.com", "write `*.example.com`"),
        ("*a.com", "write `*.example.com`"),
        ("*.*.com", "write `*.example.com`"),
        ("example.com.", "ends with a dot"),
        ("a..b", "empty label"),
        (".a", "empty label"),
        ("example.com:80", "write the host alone"),
        ("[::1]:80", "write the host alone"),
        ("http://example.com", "not a bare host"),
        ("example.com/a", "not a bare host"),
        ("user@example.com", "not a bare host"),
        ("bücher.example", "punycode"),
        ("-a.example", "starts or ends with `-`"),
        ("a-.example", "starts or ends with `-`"),
        ("a b", "' '"),
        ("300.1.1.1", "neither a name nor an IPv4 address"),
        ("1.2.3", "neither a name nor an IPv4 address"),
        ("*.1.1.1.1", "neither a name nor an IPv4 address"),
        (&long_label, "a label over 63"),
        (&long, "at most 253"),
    ] {
        let message = check_host_pattern(text).expect_err(text);
        assert!(message.contains(part), "{text}: {message}");
    }
}
