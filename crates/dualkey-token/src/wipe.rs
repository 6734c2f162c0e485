use zeroize::zeroize_stack;

/// Wipes this many bytes of the stack below the current frame when dropped.
///
/// Code that computes with a secret leaves copies in its stack frames: spilled registers, buffers of other
/// crates, values before a move. A function holds this guard while it calls the computation, which must not
/// be inlined, so that its frames lie where the guard wipes. `tests/stack.rs` checks the sizes.
pub(crate) struct WipeStack<const BYTES: usize>;

impl<const BYTES: usize> Drop for WipeStack<BYTES> {
    fn drop(&mut self) {
        zeroize_stack::<BYTES>();
    }
}
