//! A short list that stays on the stack.

/// A list of plain values that allocates only beyond `N`.
#[derive(Debug, Clone)]
pub(crate) struct Small<T, const N: usize> {
    inline: [T; N],
    len: usize,
    /// Everything once there are more than `N` values, else empty.
    spilled: Vec<T>,
}

impl<T: Copy + Default, const N: usize> Default for Small<T, N> {
    fn default() -> Self {
        Self {
            inline: [T::default(); N],
            len: 0,
            spilled: Vec::new(),
        }
    }
}

impl<T: Copy + Default, const N: usize> Small<T, N> {
    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        if let Some(slot) = self.inline.get_mut(self.len) {
            *slot = value;
        } else {
            self.spill(value);
        }
        self.len += 1;
    }

    #[cold]
    fn spill(&mut self, value: T) {
        if self.len == N {
            self.spilled.extend_from_slice(&self.inline);
        }
        self.spilled.push(value);
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.spilled.clear();
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        if self.len <= N {
            &self.inline[..self.len]
        } else {
            &self.spilled
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        if self.len <= N {
            &mut self.inline[..self.len]
        } else {
            &mut self.spilled
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Small;

    #[test]
    fn keeps_order_across_the_spill_and_after_clear() {
        let mut list = Small::<u32, 3>::default();
        for round in 0..2 {
            for count in 0..10 {
                let expected: Vec<u32> = (0..count).collect();
                assert_eq!(list.as_slice(), expected, "round {round}");
                list.push(count);
            }
            list.clear();
        }
    }
}
