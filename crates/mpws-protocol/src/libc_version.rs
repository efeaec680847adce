//! The C library of this process.
#![expect(
    unsafe_code,
    reason = "the C library tells its version by a call without a safe wrapper"
)]

/// Version of the C library that this process is linked with, such as `glibc 2.36`; `musl` without
/// a number, which musl does not tell.
pub fn libc_version() -> String {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: it returns a pointer to a constant string that ends with a zero byte.
        let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
        format!("glibc {}", version.to_string_lossy())
    }
    #[cfg(not(target_env = "gnu"))]
    {
        "musl".to_owned()
    }
}
