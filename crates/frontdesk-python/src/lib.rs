//! The bridge to Python, and the only crate that knows of it: short synchronous calls, and one that blocks
//! without the GIL.

mod checks;
mod engine;

use pyo3::prelude::*;

pyo3::create_exception!(
    _engine,
    EngineRefused,
    pyo3::exceptions::PyValueError,
    "The engine refuses a snapshot; nothing changed."
);
pyo3::create_exception!(
    _engine,
    CheckFailed,
    pyo3::exceptions::PyValueError,
    "What was found, what was expected, what to write instead."
);

#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("EngineRefused", py.get_type::<EngineRefused>())?;
    module.add("CheckFailed", py.get_type::<CheckFailed>())?;
    module.add("SCHEMA_SHAPE", frontdesk_engine::snapshot::SHAPE.join("\n"))?;
    module.add("SCHEMA_HASH", frontdesk_engine::snapshot::SCHEMA_HASH)?;
    module.add(
        "ERROR_CODES",
        frontdesk_policies::Code::all()
            .map(frontdesk_policies::Code::name)
            .collect::<Vec<_>>(),
    )?;
    module.add("METRICS", frontdesk_engine::METRICS.to_vec())?;
    module.add("POLICIES", frontdesk_policies::POLICIES.to_vec())?;
    module.add(
        "LOG_FIELDS",
        frontdesk_engine::log_field_names().collect::<Vec<_>>(),
    )?;
    module.add_class::<engine::Engine>()?;
    checks::register(module)
}
