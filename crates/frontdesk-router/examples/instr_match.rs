//! Finds routes over and over, for counting instructions: `instr_match ROUTES COUNT`.
//! `benches/callgrind.py` runs it with two counts; the difference is free of what building costs.

use std::error::Error;
use std::hint::black_box;

use frontdesk_router::{Captures, Found, MatchRule, PathKind, PathRule, RequestView, Router};

/// How many different paths are asked for, spread over all routes.
const PATHS: usize = 10;

struct Request {
    path: String,
}

impl RequestView for Request {
    fn host(&self) -> Option<&[u8]> {
        Some(b"shop.example.com")
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

fn rule(index: usize) -> MatchRule {
    MatchRule {
        route: index as u32,
        priority: 0,
        host: None,
        path: Some(PathRule {
            kind: PathKind::Prefix,
            value: format!("/r/{index:06}/**"),
        }),
        methods: Vec::new(),
        headers: Vec::new(),
        query: Vec::new(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [routes, count] = arguments.as_slice() else {
        return Err("usage: instr_match ROUTES COUNT".into());
    };
    let (routes, count) = (routes.parse::<usize>()?, count.parse::<usize>()?);
    let table = Router::build((0..routes).map(rule).collect())?;
    let step = (routes / PATHS).max(1);
    let requests: Vec<Request> = (0..routes)
        .step_by(step)
        .map(|index| Request {
            path: format!("/r/{index:06}/item"),
        })
        .collect();
    let mut captures = Captures::new();
    for request in requests.iter().cycle().take(count) {
        let found = table.find(black_box(request), &mut captures);
        if !matches!(found, Found::Rule { .. }) {
            return Err(format!("{} was not found", request.path).into());
        }
    }
    Ok(())
}
