//! Emulator of a GPU on the CPU, for tests on machines without one.
//!
//! A compiler builds the sources of the kernels behind `emulator/simt.h` into a library.
//! [`Emulator`] runs single launches in it; [`build_cuda_libraries`] adds the parts of CUDA's and
//! cuDNN's interfaces that this crate calls, so that programs built with the feature `cuda` run on
//! it.
#![expect(unsafe_code, reason = "calls into a library that was just built")]

use super::launch::{ActDtype, Argument, Launch, Program};
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

type EmulateFn = unsafe extern "C" fn(
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

const RTLD_NOW: c_int = 2;

/// The kernels of one program, compiled for the CPU and loaded into this process.
pub struct Emulator {
    emulate: EmulateFn,
    /// The fibers are static: one launch at a time.
    lock: Mutex<()>,
}

/// The order in which the threads of a block run; results must not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadOrder {
    Ascending,
    Descending,
}

impl Emulator {
    /// The kernels that transform batches of stored images; `None`, with a message, without a C
    /// compiler.
    ///
    /// # Panics
    /// When the kernels do not compile.
    #[must_use]
    pub fn transform() -> Option<&'static Self> {
        Self::of(Program::Transform)
    }

    /// The kernels of a program; `None`, with a message, without a compiler.
    pub(crate) fn of(program: Program) -> Option<&'static Self> {
        static LOADED: [OnceLock<Option<Emulator>>; 3] = [const { OnceLock::new() }; 3];
        let index = Program::ALL.iter().position(|other| *other == program).expect("a program");
        LOADED[index].get_or_init(|| Self::load(program)).as_ref()
    }

    fn load(program: Program) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let library = build_kernels(program, folder.path())?;
        let path = CString::new(library.to_str().expect("a UTF-8 path")).expect("no NUL");
        let name = CString::new(format!("emulate_{}", name(program))).expect("no NUL");
        // SAFETY: the library was just built and runs no code when it is loaded; the symbol has the
        // type that `source` gives it. It is never unloaded.
        let emulate = unsafe {
            let library = dlopen(path.as_ptr(), RTLD_NOW);
            assert!(!library.is_null(), "{:?}", CStr::from_ptr(dlerror()));
            let symbol = dlsym(library, name.as_ptr());
            assert!(!symbol.is_null());
            std::mem::transmute::<*mut c_void, EmulateFn>(symbol)
        };
        Some(Self { emulate, lock: Mutex::new(()) })
    }

    /// Runs a launch whose pointers are addresses in this process.
    pub(crate) fn run(&self, launch: &Launch, order: ThreadOrder) {
        let ([gx, gy], [bx, by]) = (launch.grid, launch.block);
        assert_eq!(bx * by, 256, "{launch:?}");
        let sizes = [gx, gy, bx, by, (order == ThreadOrder::Descending).into()];
        let (mut kinds, mut values) = (String::new(), Vec::<*const c_void>::new());
        for argument in &launch.arguments {
            let (kind, value) = match argument {
                Argument::Pointer(value) => ('p', std::ptr::from_ref(value).cast()),
                Argument::Integer(value) => ('i', std::ptr::from_ref(value).cast()),
                Argument::Float(value) => ('f', std::ptr::from_ref(value).cast()),
                Argument::Double(value) => ('d', std::ptr::from_ref(value).cast()),
            };
            kinds.push(kind);
            values.push(value);
        }
        let [kernel, kinds] =
            [launch.kernel, &kinds].map(|text| CString::new(text).expect("no NUL"));
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the library compares the types of the arguments before it reads them, and the
        // tests pass addresses of buffers that are alive.
        let status = unsafe {
            (self.emulate)(kernel.as_ptr(), kinds.as_ptr(), sizes.as_ptr(), values.as_ptr())
        };
        match status {
            0 => {}
            1 => panic!("no kernel {}", launch.kernel),
            2 => panic!("{} does not take arguments {kinds:?}", launch.kernel),
            _ => panic!("the threads of {} diverge at a barrier", launch.kernel),
        }
    }
}

const fn name(program: Program) -> &'static str {
    match program {
        Program::Ops(ActDtype::F32) => "f32",
        Program::Ops(ActDtype::Bf16) => "bf16",
        Program::Transform => "transform",
    }
}

/// The sources of a program with a table of its kernels, as C or C++.
fn source(program: Program) -> String {
    let (mut wrappers, mut table) = (String::new(), String::new());
    for kernel in program.sources().iter().flat_map(|source| source.split("\nKERNEL ").skip(1)) {
        let (kernel, rest) = kernel.split_once('(').expect("a kernel has parameters");
        let (parameters, _) = rest.split_once(')').expect("a list of parameters ends");
        let (mut values, mut kinds) = (Vec::new(), String::new());
        for (index, parameter) in parameters.split(',').enumerate() {
            let end = parameter.rfind([' ', '*']).expect("a parameter has a type and a name");
            let dtype = parameter[..=end].trim();
            kinds.push(match dtype {
                pointer if pointer.ends_with('*') => 'p',
                "index_t" => 'i',
                "float" => 'f',
                "double" => 'd',
                other => panic!("{kernel} has a parameter of type {other}"),
            });
            values.push(format!("*({dtype} *)v[{index}]"));
        }
        let arguments = values.join(", ");
        wrappers
            .extend([format!("static void run_{kernel}(void **v) {{ {kernel}({arguments}); }}\n")]);
        table.extend([format!("{{\"{kernel}\", run_{kernel}, \"{kinds}\"}},\n")]);
    }
    format!(
        "{simt}{sources}
        #ifdef __cplusplus
        extern \"C\"
        #endif
        __attribute__((visibility(\"default\"))) int emulate_{name}(
            const char *name, const char *kinds, const unsigned *sizes, void **arguments);
        {wrappers}
        static const EmuKernel kernels[] = {{{table}}};
        int emulate_{name}(
            const char *name, const char *kinds, const unsigned *sizes, void **arguments) {{
          return emu_launch(
              kernels, sizeof kernels / sizeof *kernels, name, kinds, sizes, arguments);
        }}\n",
        simt = include_str!("../../emulator/simt.h"),
        sources = program.sources().concat(),
        name = name(program),
    )
}

/// Builds `libkernels_NAME.so`; `None`, with a message, without a compiler.
fn build_kernels(program: Program, folder: &Path) -> Option<PathBuf> {
    let library = folder.join(format!("libkernels_{}.so", name(program)));
    // The transform kernels are plain C: a C++ compiler is not available on every machine.
    let is_c = program == Program::Transform;
    let mut command = if is_c { compiler("CC", "cc", "c") } else { compiler("CXX", "c++", "c++") };
    command.arg(if is_c { "-std=gnu11" } else { "-std=c++17" });
    // GPU and CPU fuse products and sums differently; here nothing is fused.
    command.args(["-O1", "-ffp-contract=off", "-Wall", "-Werror", "-Wno-unknown-pragmas"]);
    // Otherwise the dynamic linker merges the static variables of templates of two libraries.
    command.args(["-fvisibility=hidden", "-Wno-maybe-uninitialized"]);
    command.args(program.define()).args(["-", "-lm", "-o"]).arg(&library);
    compile(command, &source(program)).then_some(library)
}

/// Builds `libcuda.so.1`, and CUDA's and cuDNN's other libraries as links to it, for
/// `LD_LIBRARY_PATH`; false, with a message, without a C++ compiler.
///
/// # Errors
/// When a file cannot be written.
///
/// # Panics
/// When the sources do not compile.
pub fn build_cuda_libraries(folder: &Path) -> std::io::Result<bool> {
    std::fs::create_dir_all(folder)?;
    if !Program::ALL.into_iter().all(|program| build_kernels(program, folder).is_some()) {
        return Ok(false);
    }
    let mut command = compiler("CXX", "c++", "c++");
    command
        .args(["-std=c++17", "-O2", "-Wall", "-Werror", "-", "-o"])
        .arg(folder.join("libcuda.so.1"));
    command.arg("-L").arg(folder).args(Program::ALL.map(|it| format!("-lkernels_{}", name(it))));
    command.arg("-Wl,-rpath,$ORIGIN");
    let sources =
        [include_str!("../../emulator/driver.cpp"), include_str!("../../emulator/cudnn.cpp")];
    assert!(compile(command, &sources.concat()), "the kernels were just compiled");
    for name in ["cublas.so.13", "cublasLt.so.13", "curand.so.10", "nvrtc.so.13", "cudnn.so.9"] {
        let link = folder.join(format!("lib{name}"));
        if !link.exists() {
            std::os::unix::fs::symlink("libcuda.so.1", link)?;
        }
    }
    Ok(true)
}

/// A compiler of shared libraries: the variable that names it, its default, its language.
fn compiler(variable: &str, default: &str, language: &str) -> Command {
    let mut command = Command::new(std::env::var(variable).unwrap_or_else(|_| default.to_owned()));
    command.args(["-x", language, "-fPIC", "-shared"]);
    command
}

/// Whether the compiler, which reads the source from its standard input, is there.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn compile(mut command: Command, source: &str) -> bool {
    let compiler = command.get_program().to_owned();
    let Ok(mut child) = command.stdin(Stdio::piped()).spawn() else {
        eprintln!("SKIPPED: no compiler {}: the kernels are not tested", compiler.display());
        return false;
    };
    let mut input = child.stdin.take().expect("standard input is piped");
    input.write_all(source.as_bytes()).expect("the compiler reads the source");
    drop(input);
    let status = child.wait().expect("the compiler ends");
    assert!(status.success(), "{} fails to compile the kernels", compiler.display());
    true
}
