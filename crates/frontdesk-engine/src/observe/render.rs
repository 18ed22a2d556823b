//! Counters as the Prometheus text format and as JSON.

use std::fmt::Write;
use std::sync::Arc;

use frontdesk_http::Fault;
use frontdesk_policies::Code;
use serde_json::json;

use crate::h2::guard::Flood;
use crate::tcp::Outcome;
use crate::websocket::Reason;

use super::metrics::{
    BUCKETS_US, Counter, Duration, Handshake, Registry, RouteStats, StatsKey, ThreadStats,
};

/// Every metric family of a worker: name, type, help. The reference pages are made from this list.
pub const METRICS: &[(&str, &str, &str)] = &[
    (
        "frontdesk_requests_total",
        "counter",
        "Requests by route, service and status class.",
    ),
    (
        "frontdesk_requests_in_flight",
        "gauge",
        "Requests being served.",
    ),
    (
        "frontdesk_request_bytes_total",
        "counter",
        "Request body bytes received.",
    ),
    (
        "frontdesk_response_bytes_total",
        "counter",
        "Response body bytes sent.",
    ),
    (
        "frontdesk_request_duration_seconds",
        "histogram",
        "From the complete request head to the last byte sent.",
    ),
    (
        "frontdesk_upstream_duration_seconds",
        "histogram",
        "From the request head to the response head, retries included.",
    ),
    ("frontdesk_connections_open", "gauge", "Client connections."),
    (
        "frontdesk_connections_accepted_total",
        "counter",
        "Client connections accepted.",
    ),
    (
        "frontdesk_connections_shed_total",
        "counter",
        "Client connections refused because the worker was full.",
    ),
    (
        "frontdesk_accept_errors_total",
        "counter",
        "Times accept failed, for want of descriptors for example.",
    ),
    (
        "frontdesk_thread_connections_open",
        "gauge",
        "Open client connections by engine thread, over all workers.",
    ),
    (
        "frontdesk_connections_handed_over_total",
        "counter",
        "Client connections that a thread has given to one that had fewer.",
    ),
    ("frontdesk_tunnels_open", "gauge", "Upgraded connections."),
    (
        "frontdesk_tcp_connections_open",
        "gauge",
        "Connections that are passed through.",
    ),
    (
        "frontdesk_tcp_connections_total",
        "counter",
        "Connections that were passed through or could not be, by result.",
    ),
    (
        "frontdesk_tcp_bytes_total",
        "counter",
        "Bytes of connections that were passed through, by direction: in comes from clients.",
    ),
    (
        "frontdesk_websocket_ends_total",
        "counter",
        "WebSockets that the gateway has ended, by reason.",
    ),
    (
        "frontdesk_tls_handshakes_total",
        "counter",
        "TLS handshakes with clients, by result.",
    ),
    (
        "frontdesk_http2_connections_open",
        "gauge",
        "Client connections that speak HTTP/2.",
    ),
    (
        "frontdesk_http2_floods_total",
        "counter",
        "HTTP/2 connections closed because of a flood, by kind of frame.",
    ),
    (
        "frontdesk_upstream_connections_opened_total",
        "counter",
        "Connections opened to targets.",
    ),
    (
        "frontdesk_upstream_connections_reused_total",
        "counter",
        "Requests sent on a pooled connection.",
    ),
    (
        "frontdesk_upstream_connections_idle",
        "gauge",
        "Pooled connections.",
    ),
    (
        "frontdesk_retries_total",
        "counter",
        "Second and further attempts.",
    ),
    (
        "frontdesk_mirrored_total",
        "counter",
        "Requests copied to a mirror.",
    ),
    (
        "frontdesk_mirror_skipped_total",
        "counter",
        "Requests due for a mirror but not copied: body not whole, or too many in flight.",
    ),
    (
        "frontdesk_fields_dropped_total",
        "counter",
        "Request fields dropped for an underscore in their name.",
    ),
    (
        "frontdesk_access_log_dropped_total",
        "counter",
        "Access records lost because the log could not be written, or not in time.",
    ),
    (
        "frontdesk_answers_total",
        "counter",
        "Answers and aborts of the gateway's own, by code.",
    ),
    (
        "frontdesk_malformed_requests_total",
        "counter",
        "Requests refused by the codec, by fault.",
    ),
    (
        "frontdesk_malformed_responses_total",
        "counter",
        "Upstream responses refused by the codec, by fault.",
    ),
    (
        "frontdesk_snapshot_info",
        "gauge",
        "Always 1; the hash of the snapshot in force.",
    ),
    (
        "frontdesk_build_info",
        "gauge",
        "Always 1; the engine's version.",
    ),
];

type ThreadNumber = fn(&ThreadStats) -> &Counter;

const THREAD_NUMBERS: &[(&str, ThreadNumber)] = &[
    ("frontdesk_connections_open", |t| &t.open),
    ("frontdesk_connections_accepted_total", |t| &t.accepted),
    ("frontdesk_connections_shed_total", |t| &t.shed),
    ("frontdesk_accept_errors_total", |t| &t.accept_errors),
    ("frontdesk_tunnels_open", |t| &t.tunnels),
    ("frontdesk_connections_handed_over_total", |t| {
        &t.handed_over
    }),
    ("frontdesk_tcp_connections_open", |t| &t.tcp_open),
    ("frontdesk_http2_connections_open", |t| &t.http2_open),
    ("frontdesk_upstream_connections_opened_total", |t| {
        &t.upstream_opened
    }),
    ("frontdesk_upstream_connections_reused_total", |t| {
        &t.upstream_reused
    }),
    ("frontdesk_upstream_connections_idle", |t| &t.upstream_idle),
    ("frontdesk_retries_total", |t| &t.retries),
    ("frontdesk_mirrored_total", |t| &t.mirrored),
    ("frontdesk_mirror_skipped_total", |t| &t.mirror_skipped),
    ("frontdesk_fields_dropped_total", |t| &t.underscores_dropped),
    ("frontdesk_access_log_dropped_total", |t| &t.log_dropped),
];

type RouteNumber = fn(&RouteStats) -> &Counter;

const ROUTE_NUMBERS: &[(&str, RouteNumber)] = &[
    ("frontdesk_requests_in_flight", |r| &r.in_flight),
    ("frontdesk_request_bytes_total", |r| &r.bytes_in),
    ("frontdesk_response_bytes_total", |r| &r.bytes_out),
];

const ROUTE_DURATIONS: &[(&str, Duration)] = &[
    ("frontdesk_request_duration_seconds", Duration::Total),
    ("frontdesk_upstream_duration_seconds", Duration::Upstream),
];

/// All counters in the Prometheus text format 0.0.4.
pub(crate) fn prometheus(registry: &Registry, hash: &str, log_lost: u64) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let (routes, threads) = (registry.routes(), registry.threads());
    requests(&mut out, &routes);
    for (name, number) in ROUTE_NUMBERS {
        header(&mut out, name);
        for (key, stats) in &routes {
            let sum: u64 = stats.iter().map(|s| number(s).get()).sum();
            let _ = writeln!(out, "{name}{{{}}} {sum}", labels(key));
        }
    }
    for (name, which) in ROUTE_DURATIONS {
        header(&mut out, name);
        for (key, stats) in &routes {
            write_histogram(&mut out, name, &labels(key), stats, *which);
        }
    }
    for (name, number) in THREAD_NUMBERS {
        header(&mut out, name);
        let mut sum: u64 = threads.iter().map(|t| number(t).get()).sum();
        if *name == "frontdesk_access_log_dropped_total" {
            sum += log_lost;
        }
        let _ = writeln!(out, "{name} {sum}");
    }
    faults(&mut out, &threads);
    let handshakes = ("frontdesk_tls_handshakes_total", "result");
    labelled(
        &mut out,
        &threads,
        handshakes,
        &Handshake::LABELS,
        |t, i| &t.handshakes[i],
    );
    let floods = ("frontdesk_http2_floods_total", "frames");
    labelled(&mut out, &threads, floods, &Flood::LABELS, |t, i| {
        &t.floods[i]
    });
    header(&mut out, "frontdesk_thread_connections_open");
    for (index, thread) in threads.iter().enumerate() {
        let open = thread.open.get();
        let _ = writeln!(
            out,
            "frontdesk_thread_connections_open{{thread=\"{index}\"}} {open}"
        );
    }
    let tcp = ("frontdesk_tcp_connections_total", "result");
    labelled(&mut out, &threads, tcp, &Outcome::LABELS, |t, i| &t.tcp[i]);
    let bytes = ("frontdesk_tcp_bytes_total", "direction");
    labelled(&mut out, &threads, bytes, &["in", "out"], |t, i| {
        &t.tcp_bytes[i]
    });
    let ends = ("frontdesk_websocket_ends_total", "reason");
    labelled(&mut out, &threads, ends, &Reason::LABELS, |t, i| {
        &t.websocket_ends[i]
    });
    header(&mut out, "frontdesk_snapshot_info");
    let _ = writeln!(
        out,
        "frontdesk_snapshot_info{{hash=\"{}\"}} 1",
        escape(hash)
    );
    header(&mut out, "frontdesk_build_info");
    let _ = writeln!(
        out,
        "frontdesk_build_info{{version=\"{}\"}} 1",
        env!("CARGO_PKG_VERSION")
    );
    out
}

fn header(out: &mut String, name: &str) {
    let (_, kind, help) = METRICS
        .iter()
        .find(|m| m.0 == name)
        .unwrap_or(&("", "untyped", ""));
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn labels(key: &StatsKey) -> String {
    format!(
        "route=\"{}\",service=\"{}\"",
        escape(&key.route),
        escape(&key.service)
    )
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn requests(out: &mut String, routes: &[(StatsKey, Vec<Arc<RouteStats>>)]) {
    header(out, "frontdesk_requests_total");
    for (key, stats) in routes {
        for class in 0..5 {
            let sum: u64 = stats.iter().map(|s| s.requests[class].get()).sum();
            let (labels, class) = (labels(key), class + 1);
            let _ = writeln!(
                out,
                "frontdesk_requests_total{{{labels},status=\"{class}xx\"}} {sum}"
            );
        }
    }
}

fn write_histogram(
    out: &mut String,
    name: &str,
    labels: &str,
    stats: &[Arc<RouteStats>],
    which: Duration,
) {
    let mut total = 0;
    for (index, bound) in BUCKETS_US.iter().map(Some).chain([None]).enumerate() {
        total += stats
            .iter()
            .map(|s| s.durations.count(which, index))
            .sum::<u64>();
        let le = bound.map_or("+Inf".to_owned(), |us| format!("{}", *us as f64 / 1e6));
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{le}\"}} {total}");
    }
    let sum: u64 = stats.iter().map(|s| s.durations.sum_us(which)).sum();
    let _ = writeln!(out, "{name}_sum{{{labels}}} {}", sum as f64 / 1e6);
    let _ = writeln!(out, "{name}_count{{{labels}}} {total}");
}

fn labelled(
    out: &mut String,
    threads: &[Arc<ThreadStats>],
    (name, label): (&str, &str),
    values: &[&str],
    number: impl Fn(&ThreadStats, usize) -> &Counter,
) {
    header(out, name);
    for (index, value) in values.iter().enumerate() {
        let sum: u64 = threads.iter().map(|t| number(t, index).get()).sum();
        let _ = writeln!(out, "{name}{{{label}=\"{value}\"}} {sum}");
    }
}

fn faults(out: &mut String, threads: &[Arc<ThreadStats>]) {
    let mut family = |name: &str, label: &str, rows: Vec<(&str, u64)>| {
        header(out, name);
        for (value, sum) in rows {
            let _ = writeln!(out, "{name}{{{label}=\"{value}\"}} {sum}");
        }
    };
    let codes = Code::all()
        .map(|code| {
            (
                code.name(),
                threads.iter().map(|t| t.codes.of(code).get()).sum(),
            )
        })
        .collect();
    family("frontdesk_answers_total", "code", codes);
    let sum = |of: fn(&ThreadStats, Fault) -> &Counter| {
        let all = |&fault: &Fault| {
            (
                fault.code(),
                threads.iter().map(|t| of(t, fault).get()).sum(),
            )
        };
        Fault::ALL.iter().map(all).collect()
    };
    family(
        "frontdesk_malformed_requests_total",
        "fault",
        sum(|t, f| t.request_faults.of(f)),
    );
    family(
        "frontdesk_malformed_responses_total",
        "fault",
        sum(|t, f| t.response_faults.of(f)),
    );
}

/// Totals and routes for `frontdesk status` and `frontdesk top`.
pub(crate) fn stats_json(registry: &Registry, hash: &str, thread_count: usize) -> Vec<u8> {
    let threads = registry.threads();
    let total = |number: ThreadNumber| threads.iter().map(|t| number(t).get()).sum::<u64>();
    let routes: Vec<_> = registry
        .routes()
        .iter()
        .map(|(key, stats)| route_json(key, stats))
        .collect();
    let in_flight: u64 = routes
        .iter()
        .filter_map(|route| route["in_flight"].as_u64())
        .sum();
    let value = json!({
        "hash": hash,
        "threads": thread_count,
        "connections": {
            "open": total(|t| &t.open),
            "accepted": total(|t| &t.accepted),
            "shed": total(|t| &t.shed),
        },
        "in_flight": in_flight,
        "buckets_us": BUCKETS_US,
        "routes": routes,
    });
    value.to_string().into_bytes()
}

fn route_json(key: &StatsKey, stats: &[Arc<RouteStats>]) -> serde_json::Value {
    let sum = |number: &dyn Fn(&RouteStats) -> u64| stats.iter().map(|s| number(s)).sum::<u64>();
    let requests: Vec<u64> = (0..5)
        .map(|class| sum(&|s| s.requests[class].get()))
        .collect();
    let counts: Vec<u64> = (0..=BUCKETS_US.len())
        .map(|bucket| sum(&|s| s.durations.count(Duration::Total, bucket)))
        .collect();
    json!({
        "route": key.route,
        "service": key.service,
        "requests": requests,
        "in_flight": sum(&|s| s.in_flight.get()),
        "bytes_in": sum(&|s| s.bytes_in.get()),
        "bytes_out": sum(&|s| s.bytes_out.get()),
        "duration": {"counts": counts, "sum_us": sum(&|s| s.durations.sum_us(Duration::Total))},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_described_and_every_description_is_used() {
        let registry = Registry::default();
        registry.thread().accepted.add(3);
        let key = StatsKey {
            route: "a\"b".into(),
            service: "s".into(),
        };
        registry.route(0, key).requests[1].add(7);
        let text = prometheus(&registry, "abc", 0);
        for (name, kind, _) in METRICS {
            assert!(
                text.contains(&format!("# TYPE {name} {kind}\n")),
                "{name} is not rendered"
            );
        }
        assert_eq!(text.matches("# TYPE").count(), METRICS.len());
        assert!(text.contains(
            "frontdesk_requests_total{route=\"a\\\"b\",service=\"s\",status=\"2xx\"} 7\n"
        ));
        assert!(text.contains("frontdesk_connections_accepted_total 3\n"));
    }

    #[test]
    fn buckets_are_cumulative() {
        let registry = Registry::default();
        let stats = registry.route(
            0,
            StatsKey {
                route: "r".into(),
                service: "s".into(),
            },
        );
        stats.durations.record(Duration::Total, 90);
        stats.durations.record(Duration::Total, 1_500_000);
        let text = prometheus(&registry, "", 0);
        assert!(
            text.contains("duration_seconds_bucket{route=\"r\",service=\"s\",le=\"0.0001\"} 1\n")
        );
        assert!(
            text.contains("duration_seconds_bucket{route=\"r\",service=\"s\",le=\"+Inf\"} 2\n")
        );
    }
}
