//! Classes of cuDNN's status codes, as `cudnn_graph.h` of cuDNN 9 numbers them.

/// Whether cuDNN has no algorithm for a shape: the codes of "not supported" other than environment
/// errors.
pub(super) const fn is_unsupported(status: u32) -> bool {
    matches!(status, 3000..=3999) && !is_environment_error(status)
}

/// Whether the machine lacks something: driver or runtime do not match cuDNN, the GPU is of another
/// architecture, a library is missing. The direct kernels must not hide this: every shape would be
/// slow.
pub(super) const fn is_environment_error(status: u32) -> bool {
    matches!(status, 3005..=3009)
}

#[test]
fn environment_errors_are_not_unsupported_shapes() {
    let (not_supported, layout, padding, dynamic) = (3000, 3004, 3011, 3014);
    for status in [not_supported, layout, 3010, padding, dynamic] {
        assert!(is_unsupported(status) && !is_environment_error(status), "{status}");
    }
    let (driver, runtime, arch, prerequisite, library) = (3005, 3006, 3007, 3008, 3009);
    for status in [driver, runtime, arch, prerequisite, library] {
        assert!(is_environment_error(status) && !is_unsupported(status), "{status}");
    }
    let (success, not_initialized, bad_parameter, internal, execution) =
        (0, 1001, 2000, 4000, 5000);
    for status in [success, not_initialized, bad_parameter, internal, execution] {
        assert!(!is_unsupported(status) && !is_environment_error(status), "{status}");
    }
}
