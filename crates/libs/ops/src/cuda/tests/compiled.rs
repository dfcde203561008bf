//! The kernels as a library of this process.
#![expect(unsafe_code, reason = "calls into a library that was just built")]

use crate::cuda::SOURCES;
use crate::cuda::plan::{Argument, Real};
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

type Entry = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const c_uint,
    *const *const c_void,
) -> c_int;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

/// Resolve all symbols at once.
const NOW: c_int = 2;

/// All kernels for one kind of activations.
pub(super) struct Program {
    launch: Entry,
    /// The emulator has one set of fibers.
    one_at_a_time: Mutex<()>,
}

impl Program {
    /// See `emulator.h` for the answer.
    pub(super) fn run(
        &self,
        kernel: &str,
        kinds: &str,
        sizes: &[c_uint; 5],
        arguments: &[Argument],
    ) -> c_int {
        let _turn = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let values: Vec<*const c_void> = arguments
            .iter()
            .map(|argument| match argument {
                Argument::Pointer(value) => std::ptr::from_ref(value).cast(),
                Argument::Integer(value) => std::ptr::from_ref(value).cast(),
                Argument::Single(value) => std::ptr::from_ref(value).cast(),
                Argument::Double(value) => std::ptr::from_ref(value).cast(),
            })
            .collect();
        let [kernel, kinds] = [kernel, kinds].map(|text| CString::new(text).unwrap());
        // SAFETY: the library compares the kinds of arguments before it reads them, and the tests
        // hand it addresses of buffers that live.
        unsafe { (self.launch)(kernel.as_ptr(), kinds.as_ptr(), sizes.as_ptr(), values.as_ptr()) }
    }
}

/// The kernels; none, said loudly, where there is no C++ compiler.
pub(super) fn program(real: Real) -> Option<&'static Program> {
    static PROGRAMS: [OnceLock<Option<Program>>; 2] = [OnceLock::new(), OnceLock::new()];
    PROGRAMS[real as usize].get_or_init(|| build(real)).as_ref()
}

/// The sources as one C++ program with a table of their kernels.
fn source() -> String {
    let mut text = include_str!("../../../kernels/emulator.h").to_owned();
    let mut table = String::new();
    let mut count = 0;
    for source in SOURCES {
        text.push_str(source);
        for line in source.lines().filter_map(|line| line.strip_prefix("KERNEL ")) {
            let name = line.split('(').next().unwrap_or_default();
            writeln!(table, "ENTRY({name}),").unwrap();
            count += 1;
        }
    }
    writeln!(
        text,
        "extern \"C\" __attribute__((visibility(\"default\"))) int emulate(const char *name, const char *kinds, const unsigned *sizes,\n\
         void **values) {{\n\
         static const emulator::Entry entries[] = {{{table}}};\n\
         return emulator::launch(entries, {count}, name, kinds, sizes, values);\n}}"
    )
    .unwrap();
    text
}

fn build(real: Real) -> Option<Program> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("kernels.so");
    let mut command = Command::new(&compiler);
    // Card and processor differ in how products and sums are fused; here nothing is.
    command.args(["-x", "c++", "-std=c++17", "-O1", "-ffp-contract=off", "-fPIC", "-shared"]);
    // Otherwise the linker shares what is static in a template between both libraries.
    command.arg("-fvisibility=hidden");
    command.args(["-Wall", "-Wno-unknown-pragmas", "-Wno-maybe-uninitialized", "-Werror"]);
    command.args((real == Real::Bf16).then_some("-DREAL_IS_BF16"));
    command.args(["-", "-o"]).arg(&library).stdin(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("SKIPPED: there is no C++ compiler {compiler}: the kernels are not tested");
        return None;
    };
    child.stdin.take().unwrap().write_all(source().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{compiler} refuses the kernels");
    let path = CString::new(library.to_str().unwrap()).unwrap();
    // SAFETY: the library was just built and runs nothing when it is loaded; the symbol has the
    // type that `source` gives it. It is never unloaded.
    let launch = unsafe {
        let library = dlopen(path.as_ptr(), NOW);
        assert!(!library.is_null(), "{:?}", CStr::from_ptr(dlerror()));
        let symbol = dlsym(library, c"emulate".as_ptr());
        assert!(!symbol.is_null());
        std::mem::transmute::<*mut c_void, Entry>(symbol)
    };
    Some(Program { launch, one_at_a_time: Mutex::new(()) })
}
