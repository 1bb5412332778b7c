//! Compiling aside: on a thread of its own that stands back behind the calls.

use super::Compiled;
use crate::priority::Nice;
use crate::rules::diagnostics::{Code, Diagnostic};

/// Works on a thread of its own: parsing recurses, a panic stays there, and calls go first.
pub fn aside(nice: Nice, work: impl FnOnce() -> Compiled + Send + 'static) -> Compiled {
    let builder = std::thread::Builder::new().name("rules-compile".into()).stack_size(16 << 20);
    let work = move || {
        nice.apply();
        work()
    };
    let result = builder.spawn(work).map(|thread| thread.join());
    match result {
        Ok(Ok(compiled)) => compiled,
        Ok(Err(_panic)) => {
            let message = "the compiler failed on these scripts; this is a defect of the service";
            Err(vec![Diagnostic::of_file("", Code::Syntax, message)])
        }
        Err(error) => {
            let message = format!("no thread could be started to compile: {error}");
            Err(vec![Diagnostic::of_file("", Code::Unreadable, message)])
        }
    }
}
