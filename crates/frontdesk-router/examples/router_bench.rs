//! Cost of a match, time to build and memory of the router, for tables of several sizes.
//!
//! `cargo run --release -p frontdesk-router --example router_bench`

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use frontdesk_router::{
    Captures, Found, MatchRule, PathKind, PathOptions, PathRule, RequestView, Router, canonicalize,
    check_path_pattern,
};

/// The system allocator, with a count of the bytes in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system allocator; only counters are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise about `pointer` and `layout` is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How the rules of a table differ.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Exact,
    Prefix,
    Template,
    Host,
    WildcardHost,
    Regex,
}

/// Each shape with the sizes of its tables. A regex takes some 10 KiB, so there are fewer.
const TABLES: [(Shape, [usize; 3]); 6] = [
    (Shape::Exact, [10, 1000, 100_000]),
    (Shape::Prefix, [10, 1000, 100_000]),
    (Shape::Template, [10, 1000, 100_000]),
    (Shape::Host, [10, 1000, 100_000]),
    (Shape::WildcardHost, [10, 1000, 100_000]),
    (Shape::Regex, [1, 10, 1000]),
];

impl Shape {
    /// Host rule and path pattern of rule `number`.
    fn rule(self, number: usize) -> (Option<String>, String) {
        match self {
            Self::Exact => (None, format!("/api/service-{number}/status")),
            Self::Prefix => (None, format!("/api/service-{number}/**")),
            Self::Template => (None, format!("/api/{{tenant}}/service-{number}/{{id}}")),
            Self::Host => (
                Some(format!("service-{number}.example.com")),
                "/**".to_owned(),
            ),
            Self::WildcardHost => (
                Some(format!("*.team-{number}.example.com")),
                "/**".to_owned(),
            ),
            Self::Regex => (None, format!("/api/service-{number}/(?P<rest>.*)")),
        }
    }

    /// Host and path of a request that rule `number` takes.
    fn request(self, number: usize) -> Request {
        let (host, path) = match self {
            Self::Exact | Self::Regex => (
                "example.com".to_owned(),
                format!("/api/service-{number}/status"),
            ),
            Self::Prefix => (
                "example.com".to_owned(),
                format!("/api/service-{number}/users"),
            ),
            Self::Template => (
                "example.com".to_owned(),
                format!("/api/acme/service-{number}/42"),
            ),
            Self::Host => (
                format!("service-{number}.example.com"),
                "/index.html".to_owned(),
            ),
            Self::WildcardHost => (
                format!("eu.team-{number}.example.com"),
                "/index.html".to_owned(),
            ),
        };
        Request { host, path }
    }
}

struct Request {
    host: String,
    path: String,
}

impl RequestView for Request {
    fn host(&self) -> Option<&[u8]> {
        Some(self.host.as_bytes())
    }

    fn method(&self) -> &[u8] {
        b"GET"
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    fn query(&self) -> Option<&[u8]> {
        None
    }

    fn header(&self, _name: &str) -> Option<&[u8]> {
        None
    }
}

fn rules(shape: Shape, count: usize) -> Vec<MatchRule> {
    let rule = |number: usize| {
        let (host, pattern) = shape.rule(number);
        let (kind, value) = if matches!(shape, Shape::Regex) {
            (PathKind::Regex, pattern)
        } else {
            let (kind, value, _) = check_path_pattern(&pattern).expect("a valid pattern");
            (kind, value)
        };
        MatchRule {
            route: number as u32,
            priority: 0,
            host,
            path: Some(PathRule { kind, value }),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            headers: Vec::new(),
            query: Vec::new(),
        }
    };
    (0..count).map(rule).collect()
}

/// Nanoseconds of a call, the least of five rounds, over requests in an order that caches cannot foresee.
fn nanoseconds(requests: &[Request], mut call: impl FnMut(&Request)) -> f64 {
    const CALLS: usize = 200_000;
    let round = |_| {
        let start = Instant::now();
        let mut number = 0;
        for _ in 0..CALLS {
            number = (number + 7919) % requests.len();
            call(&requests[number]);
        }
        start.elapsed().as_nanos() as f64 / CALLS as f64
    };
    (0..5).map(round).fold(f64::INFINITY, f64::min)
}

fn measure(shape: Shape, count: usize) {
    let before = IN_USE.load(Ordering::Relaxed);
    let rules = rules(shape, count);
    let start = Instant::now();
    let router = Router::build(rules).expect("the rules of this example");
    let build = start.elapsed();
    let per_rule = (IN_USE.load(Ordering::Relaxed) - before) / count;
    let start = Instant::now();
    assert!(
        router.conflicts().is_empty(),
        "the rules of this example differ"
    );
    let conflicts = start.elapsed();
    let requests: Vec<Request> = (0..count.min(1000))
        .map(|n| shape.request(n * count / count.min(1000)))
        .collect();
    let mut captures = Captures::new();
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    let time = nanoseconds(&requests, |request| {
        let found = router.find(black_box(request), &mut captures);
        assert!(
            matches!(found, Found::Rule { .. }),
            "each request has its rule"
        );
    });
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - allocations;
    println!(
        "{:<14}{count:>8}{time:>12.0}{per_rule:>14}{:>12.1}{:>14.1}{allocations:>14}",
        format!("{shape:?}"),
        build.as_secs_f64() * 1e3,
        conflicts.as_secs_f64() * 1e3,
    );
}

fn measure_canonicalize() {
    let mut out = Vec::with_capacity(256);
    for path in [
        "/api/orders/42",
        "/api/v1/customers/12345/orders/67890/items",
        "/a/%7Euser/./b/../c%c3%a4",
    ] {
        let request = [Request {
            host: String::new(),
            path: path.to_owned(),
        }];
        let time = nanoseconds(&request, |request| {
            out.clear();
            let result = canonicalize(
                black_box(request.path.as_bytes()),
                PathOptions {
                    merge_slashes: true,
                },
                &mut out,
            );
            assert!(result.is_ok(), "a path of this example");
        });
        println!("{time:>6.0} ns  {path}");
    }
}

fn main() {
    println!(
        "{:<14}{:>8}{:>12}{:>14}{:>12}{:>14}{:>14}",
        "shape", "rules", "ns a match", "bytes a rule", "build ms", "conflicts ms", "allocations"
    );
    for (shape, counts) in TABLES {
        for count in counts {
            measure(shape, count);
        }
    }
    println!("\ncanonicalize");
    measure_canonicalize();
}
