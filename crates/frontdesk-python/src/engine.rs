//! The `Engine` class.

use std::collections::HashMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::EngineRefused;

/// The data plane of one worker process.
#[pyclass(frozen, module = "frontdesk._engine")]
pub(crate) struct Engine(frontdesk_engine::Engine);

#[pymethods]
impl Engine {
    #[new]
    fn new(threads: usize) -> PyResult<Engine> {
        Ok(Engine(frontdesk_engine::Engine::new(threads)?))
    }

    /// Build and switch; `secrets` holds the texts that the snapshot refers to. Returns the snapshot's hash.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments from Python are owned"
    )]
    fn apply(
        &self,
        py: Python<'_>,
        snapshot: Vec<u8>,
        secrets: HashMap<String, String>,
        listeners: HashMap<String, Vec<i32>>,
    ) -> PyResult<String> {
        let sockets = listeners
            .into_iter()
            .map(|(name, fds)| {
                Ok((
                    name,
                    fds.into_iter().map(duplicate).collect::<PyResult<_>>()?,
                ))
            })
            .collect::<PyResult<_>>()?;
        py.detach(|| self.0.apply(&snapshot, &secrets, sockets))
            .map_err(EngineRefused::new_err)
    }

    /// Serve until `drain` has finished or `stop` is called.
    fn run(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.run())?;
        Ok(())
    }

    /// Stop accepting, finish what is in flight, then let `run` return.
    fn drain(&self, timeout_ms: u64) {
        self.0.drain(Duration::from_millis(timeout_ms));
    }

    /// Let `run` return now.
    fn stop(&self) {
        self.0.stop();
    }

    /// Open the access log again.
    fn reopen_logs(&self) {
        self.0.reopen_logs();
    }

    /// JSON for `status` and `top`.
    fn stats<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let stats = py.detach(|| self.0.stats());
        PyBytes::new(py, &stats)
    }

    /// Prometheus text.
    fn metrics(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.metrics())
    }
}

/// The engine keeps a duplicate; the caller's descriptor stays its own.
fn duplicate(fd: i32) -> PyResult<OwnedFd> {
    if fd < 0 {
        return Err(PyOSError::new_err(format!("{fd} is not a descriptor")));
    }
    // SAFETY: the descriptor is borrowed for this call only, in which the caller holds it open; one that is
    // not open makes the duplication fail with EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    Ok(borrowed.try_clone_to_owned()?)
}
