"""From a configuration to the snapshot that the engine runs."""

from frontdesk.compiler.compiled import Compiled, compile_config, compile_file

__all__ = ["Compiled", "compile_config", "compile_file"]
