//! What only Rust can judge: one implementation, called by the validators in Python.

use frontdesk_router::{PathOptions, Template, TemplateKind};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::CheckFailed;

fn failed(message: impl std::fmt::Display) -> PyErr {
    CheckFailed::new_err(message.to_string())
}

#[pyfunction]
fn check_path_pattern(pattern: &str) -> PyResult<(&'static str, String, Vec<String>)> {
    let (kind, canonical, variables) =
        frontdesk_router::check_path_pattern(pattern).map_err(failed)?;
    Ok((kind.as_str(), canonical, variables))
}

#[pyfunction]
fn check_path_regex(pattern: &str) -> PyResult<Vec<String>> {
    frontdesk_router::check_path_regex(pattern).map_err(failed)
}

#[pyfunction]
fn check_host_pattern(host: &str) -> PyResult<String> {
    frontdesk_router::check_host_pattern(host).map_err(failed)
}

#[pyfunction]
fn check_header_name(name: &str) -> PyResult<String> {
    if frontdesk_http::is_token(name.as_bytes()) {
        return Ok(name.to_ascii_lowercase());
    }
    Err(failed(format!(
        "{name:?} is not a field name: letters, digits and - are what it may be made of"
    )))
}

#[pyfunction]
fn check_header_value(value: &str) -> PyResult<()> {
    if frontdesk_http::is_value(value.as_bytes()) {
        return Ok(());
    }
    Err(failed(format!(
        "{value:?} is not a field value: control bytes such as line breaks are not allowed"
    )))
}

#[pyfunction]
fn check_method(method: &str) -> PyResult<()> {
    if !frontdesk_http::is_token(method.as_bytes()) || method.len() > 32 {
        return Err(failed(format!(
            "{method:?} is not a method: write a token such as GET"
        )));
    }
    if matches!(method, "CONNECT" | "TRACE") {
        return Err(failed(format!(
            "{method} is never served by a gateway route; remove it"
        )));
    }
    Ok(())
}

#[pyfunction]
fn check_chain(pem: &str) -> PyResult<(Vec<String>, i64, i64)> {
    let facts = frontdesk_tls::check_chain(pem).map_err(failed)?;
    Ok((facts.names, facts.not_before, facts.not_after))
}

#[pyfunction]
fn check_key_pair(chain: &str, key: &str) -> PyResult<()> {
    frontdesk_tls::check_pair(chain, key).map_err(failed)
}

#[pyfunction]
fn check_roots(pem: &str) -> PyResult<usize> {
    frontdesk_tls::check_roots(pem).map_err(failed)
}

#[pyfunction]
fn check_cidr(text: &str) -> PyResult<String> {
    let net = frontdesk_policies::parse_net(text).map_err(failed)?;
    Ok(if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.to_string()
    })
}

#[pyfunction]
#[expect(
    clippy::needless_pass_by_value,
    reason = "arguments from Python are owned"
)]
fn check_template(template: &str, variables: Vec<String>, kind: &str) -> PyResult<()> {
    let kind = match kind {
        "path" => TemplateKind::Path,
        "location" => TemplateKind::Location,
        other => {
            return Err(failed(format!(
                "{other:?} is not a kind of template: \"path\" or \"location\""
            )));
        }
    };
    Template::parse(template, &variables, kind)
        .map(drop)
        .map_err(failed)
}

#[pyfunction]
fn check_path(path: &str) -> PyResult<String> {
    let mut out = Vec::new();
    match frontdesk_router::canonicalize(
        path.as_bytes(),
        PathOptions {
            merge_slashes: true,
        },
        &mut out,
    ) {
        Ok(true) => Ok(path.to_owned()),
        Ok(false) => String::from_utf8(out).map_err(failed),
        Err(fault) => Err(failed(format!(
            "{path:?} is not a path the gateway takes: {fault}"
        ))),
    }
}

#[pyfunction]
#[expect(
    clippy::needless_pass_by_value,
    reason = "arguments from Python are owned"
)]
fn check_routes(py: Python<'_>, snapshot: Vec<u8>) -> PyResult<Vec<(String, String)>> {
    py.detach(|| frontdesk_engine::check_routes(&snapshot))
        .map_err(failed)
}

#[pyfunction]
fn roundtrip<'py>(py: Python<'py>, snapshot: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let decoded = frontdesk_engine::snapshot::Snapshot::decode(snapshot).map_err(failed)?;
    Ok(PyBytes::new(py, &decoded.encode().map_err(failed)?))
}

#[pyfunction]
#[expect(
    clippy::needless_pass_by_value,
    reason = "arguments from Python are owned"
)]
fn explain<'py>(
    py: Python<'py>,
    snapshot: Vec<u8>,
    method: &str,
    url: &str,
    headers: Vec<(String, String)>,
    client: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let json = py
        .detach(|| frontdesk_engine::explain(&snapshot, method, url, &headers, client))
        .map_err(failed)?;
    Ok(PyBytes::new(py, &json))
}

/// Adds all functions to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(check_path_pattern, module)?)?;
    module.add_function(wrap_pyfunction!(check_path_regex, module)?)?;
    module.add_function(wrap_pyfunction!(check_host_pattern, module)?)?;
    module.add_function(wrap_pyfunction!(check_header_name, module)?)?;
    module.add_function(wrap_pyfunction!(check_header_value, module)?)?;
    module.add_function(wrap_pyfunction!(check_method, module)?)?;
    module.add_function(wrap_pyfunction!(check_cidr, module)?)?;
    module.add_function(wrap_pyfunction!(check_chain, module)?)?;
    module.add_function(wrap_pyfunction!(check_key_pair, module)?)?;
    module.add_function(wrap_pyfunction!(check_roots, module)?)?;
    module.add_function(wrap_pyfunction!(check_template, module)?)?;
    module.add_function(wrap_pyfunction!(check_path, module)?)?;
    module.add_function(wrap_pyfunction!(check_routes, module)?)?;
    module.add_function(wrap_pyfunction!(roundtrip, module)?)?;
    module.add_function(wrap_pyfunction!(explain, module)?)
}
