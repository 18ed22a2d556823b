//! Mirror of `python/frontdesk/snapshot/model.py`: names and types only. The Python models are the source of
//! truth; a contract test compares both byte for byte. No defaults, nothing flattened, nothing skipped.

use serde::{Deserialize, Serialize};

/// The shape this engine was built for: written by `make docs` from the Python models.
pub const SCHEMA_HASH: &str = include_str!("schema.hash").trim_ascii();

macro_rules! models {
    ($($(#[$meta:meta])* $model:ident { $($field:ident: $type:ty),+ $(,)? })+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Debug, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            #[allow(missing_docs, reason = "described where they are defined, in Python")]
            pub struct $model { $(pub $field: $type),+ }
        )+

        /// Every field the engine knows, as `Model.field`.
        pub const SHAPE: &[&str] = &[$($(concat!(stringify!($model), ".", stringify!($field))),+),+];
    };
}

macro_rules! words {
    ($($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? })+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[allow(missing_docs, reason = "described where they are defined, in Python")]
            pub enum $name { $(#[serde(rename = $text)] $variant),+ }
        )+
    };
}

words! {
    /// What happens to request fields whose name has `_`.
    Underscores { Drop = "drop", Refuse = "refuse", Allow = "allow" }
    /// Upstream schemes.
    TargetScheme { Http = "http", Https = "https", Tcp = "tcp" }
    /// What is spoken to the targets of a service.
    Protocol { Http1 = "http1", Http2 = "http2", Auto = "auto" }
    /// How a service chooses among its targets.
    Balance { RoundRobin = "round_robin", LeastRequests = "least_requests" }
    /// Kinds of path rule.
    PathKind { Exact = "exact", Template = "template", Prefix = "prefix", Regex = "regex" }
    /// Forms of the access log.
    LogFormat { Json = "json", Common = "common" }
}

/// What a route does in the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Send to a service.
    Forward(Forward),
    /// Answer with a redirect.
    Redirect(Redirect),
    /// Answer with a fixed response.
    Respond(Respond),
}

/// One configured policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PolicySpec {
    /// See `policies/ip_filter.py`.
    IpFilter(IpFilter),
}

models! {
    /// One compiled configuration.
    Snapshot {
        schema_hash: String,
        listeners: Vec<Listener>,
        services: Vec<Service>,
        routes: Vec<Route>,
        observe: Observe,
        process: Process,
    }
    /// A bound address.
    Listener {
        name: String,
        host: String,
        port: u16,
        trusted_proxies: Vec<String>,
        proxy_protocol: bool,
        underscores: Underscores,
        lf_line_ends: bool,
        merge_slashes: bool,
        tls: Option<ListenerTls>,
        hsts: Option<String>,
        http2: bool,
        redirect_https: Option<RedirectHttps>,
        tcp: Option<Tcp>,
        limits: Limits,
    }
    /// Connections that are passed through.
    Tcp { routes: Vec<TcpRoute>, idle_ms: u64, hello_ms: u64 }
    /// Where those with a name in their TLS hello go; an empty name is for all others.
    TcpRoute { name: String, service: String, policies: Vec<PolicySpec> }
    /// TLS towards clients.
    ListenerTls {
        certificates: Vec<Certificate>,
        only_1_3: bool,
        strict_names: bool,
        handshake_ms: u64,
    }
    /// A certificate by references; the fingerprint changes with the files.
    Certificate { chain: String, key: String, ocsp: Option<String>, fingerprint: String }
    /// Sends plain requests to HTTPS.
    RedirectHttps { port: u16, status: u16 }
    /// Bounds of a listener.
    Limits {
        head_timeout_ms: u64,
        body_idle_ms: u64,
        body_min_rate: u64,
        body_min_rate_after_ms: u64,
        write_idle_ms: u64,
        keepalive_idle_ms: u64,
        keepalive_requests: u32,
        connection_age_ms: u64,
        head_bytes: u32,
        head_fields: u32,
        target_bytes: u32,
        chunk_extension_bytes: u32,
        early_answer_drain_bytes: u64,
        http2_streams: u32,
        http2_stream_window_bytes: u32,
        http2_connection_window_bytes: u32,
        http2_header_list_bytes: u32,
    }
    /// One API behind the gateway.
    Service {
        name: String,
        targets: Vec<Target>,
        balance: Balance,
        timeouts: Timeouts,
        retries: Retries,
        pool: Pool,
        host: String,
        lf_line_ends: bool,
        protocol: Protocol,
        proxy_protocol: u32,
        tls: Option<UpstreamTls>,
    }
    /// TLS towards targets, by references; the fingerprint changes with the files.
    UpstreamTls {
        ca: Option<String>,
        verify: bool,
        server_name: Option<String>,
        chain: Option<String>,
        key: Option<String>,
        fingerprint: String,
    }
    /// One address behind a service.
    Target { scheme: TargetScheme, host: String, port: u16, path_prefix: String, weight: u32 }
    /// Upstream timeouts.
    Timeouts { connect_ms: u64, first_byte_ms: u64, idle_ms: u64, total_ms: u64 }
    /// Extra attempts.
    Retries { attempts: u32, budget_percent: u32, budget_per_second: u32 }
    /// Idle upstream connections.
    Pool { idle_ms: u64, max_idle: u32 }
    /// Match rules, policies, one action.
    Route {
        name: String,
        priority: i32,
        matches: Vec<Match>,
        action: Action,
        policies: Vec<PolicySpec>,
        max_body_bytes: u64,
        grpc_web: bool,
        upgrades: Vec<String>,
        websocket: Option<WebSocket>,
    }
    /// Rules of upgraded connections; 0 is no limit and no ping.
    WebSocket { origins: Vec<String>, idle_ms: u64, ping_ms: u64, max_message_bytes: u64 }
    /// One set of rules that all must hold.
    Match {
        host: Option<String>,
        path: Option<PathRule>,
        methods: Vec<String>,
        headers: Vec<FieldRule>,
        query: Vec<FieldRule>,
    }
    /// A path rule.
    PathRule { kind: PathKind, value: String }
    /// A header or query rule.
    FieldRule { name: String, value: Option<String> }
    /// Send to a service, chosen by weight.
    Forward {
        split: Vec<Share>,
        strip_prefix: String,
        rewrite_path: Option<String>,
        mirror: Option<Mirror>,
    }
    /// One part of a split.
    Share { service: String, weight: u32 }
    /// Copies requests to another service.
    Mirror { service: String, percent: u32 }
    /// A redirect.
    Redirect { to: String, status: u16 }
    /// A fixed response.
    Respond { status: u16, body: String, content_type: String }
    /// Address filter.
    IpFilter { allow: Vec<String>, deny: Vec<String> }
    /// What is written about requests.
    Observe { access_log: AccessLog }
    /// The access log.
    AccessLog { to: String, format: LogFormat, fields: Vec<String>, sample_ppm: u32 }
    /// Bounds of a worker process.
    Process { max_connections: u32, drain_ms: u64, websocket: WebSocket }
}

impl Snapshot {
    /// Decodes a snapshot of this engine's schema.
    ///
    /// # Errors
    /// Which field is wrong, or both schema hashes if they differ.
    pub fn decode(json: &[u8]) -> Result<Snapshot, String> {
        #[derive(Deserialize)]
        struct Schema {
            schema_hash: String,
        }
        let schema: Schema =
            serde_json::from_slice(json).map_err(|error| format!("not a snapshot: {error}"))?;
        if schema.schema_hash != SCHEMA_HASH {
            return Err(format!(
                "the snapshot has schema {:?}, this engine takes {SCHEMA_HASH:?}; compile the \
                 configuration with the version that runs it",
                schema.schema_hash
            ));
        }
        serde_json::from_slice(json).map_err(|error| format!("snapshot: {error}"))
    }

    /// Encodes as canonical JSON: keys sorted, no spaces.
    ///
    /// # Errors
    /// None in practice; the serializer's signature has one.
    pub fn encode(&self) -> Result<Vec<u8>, String> {
        let value = serde_json::to_value(self).map_err(|error| error.to_string())?;
        serde_json::to_vec(&value).map_err(|error| error.to_string())
    }
}
