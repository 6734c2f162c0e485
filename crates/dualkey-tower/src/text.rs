/// A field's value while it is written: without an allocation, and from its end, since that is how the
/// digits of a number come.
pub(crate) struct Text {
    /// The longest value has two items with two numbers of at most 20 digits each.
    space: [u8; 128],
    begins_at: usize,
}

impl Text {
    pub(crate) const fn new() -> Self {
        Self { space: [0; 128], begins_at: 128 }
    }

    #[inline]
    pub(crate) fn prepend(&mut self, text: &str) {
        let end = self.begins_at;
        self.begins_at -= text.len();
        self.space[self.begins_at..end].copy_from_slice(text.as_bytes());
    }

    #[inline]
    pub(crate) fn prepend_number(&mut self, number: u64) {
        let mut rest = number;
        loop {
            self.begins_at -= 1;
            self.space[self.begins_at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return;
            }
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.begins_at == self.space.len()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.space[self.begins_at..]
    }
}
