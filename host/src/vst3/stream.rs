//! A state's bytes as the stream that plugins read and write.

use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vst3::Steinberg::*;
use vst3::{Class, ComPtr, ComWrapper};

/// Longest state that is accepted, in bytes. Larger ones are a plugin that writes without end.
const MOST_BYTES: usize = 1 << 30;

/// A stream in memory.
#[derive(Default)]
pub(super) struct Stream {
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    /// Never beyond the end.
    position: usize,
}

impl Class for Stream {
    type Interfaces = (IBStream, ISizeableStream);
}

impl Stream {
    /// A stream that holds `bytes` and stands at their start.
    pub(super) fn of(bytes: &[u8]) -> ComWrapper<Stream> {
        ComWrapper::new(Stream { content: Mutex::new(Content { bytes: bytes.to_vec(), position: 0 }) })
    }

    /// What was written.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.content().bytes.clone()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream as it is handed to plugins.
pub(super) fn face(stream: &ComWrapper<Stream>) -> ComPtr<IBStream> {
    stream.to_com_ptr().expect("a stream has its interface")
}

impl IBStreamTrait for Stream {
    unsafe fn read(&self, buffer: *mut c_void, wanted: i32, read: *mut i32) -> tresult {
        let mut content = self.content();
        let given = match usize::try_from(wanted) {
            Ok(wanted) if !buffer.is_null() => wanted.min(content.bytes.len() - content.position),
            _ => 0,
        };
        if given > 0 {
            let from = &content.bytes[content.position..][..given];
            // SAFETY: the plugin owns `wanted` bytes at `buffer`, as the interface has it, and `given` is no more.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), buffer.cast(), given) };
            content.position += given;
        }
        // A short read is told by its count, and is not an error.
        set(read, given as i32);
        if wanted < 0 || (buffer.is_null() && wanted > 0) { kInvalidArgument } else { kResultOk }
    }

    unsafe fn write(&self, buffer: *mut c_void, count: i32, written: *mut i32) -> tresult {
        set(written, 0);
        let Ok(count) = usize::try_from(count) else { return kInvalidArgument };
        if count == 0 {
            return kResultOk;
        }
        if buffer.is_null() {
            return kInvalidArgument;
        }
        let mut content = self.content();
        let start = content.position;
        let end = start + count;
        if end > MOST_BYTES {
            return kOutOfMemory;
        }
        if end > content.bytes.len() {
            content.bytes.resize(end, 0);
        }
        // SAFETY: the plugin owns `count` readable bytes at `buffer`, as the interface has it.
        let from = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), count) };
        content.bytes[start..end].copy_from_slice(from);
        content.position = end;
        set(written, count as i32);
        kResultOk
    }

    unsafe fn seek(&self, position: i64, mode: i32, result: *mut i64) -> tresult {
        let mut content = self.content();
        let base = match mode as IBStream_::IStreamSeekMode {
            IBStream_::IStreamSeekMode_::kIBSeekSet => 0,
            IBStream_::IStreamSeekMode_::kIBSeekCur => content.position as i64,
            IBStream_::IStreamSeekMode_::kIBSeekEnd => content.bytes.len() as i64,
            _ => return kInvalidArgument,
        };
        let target = base.saturating_add(position).clamp(0, content.bytes.len() as i64);
        content.position = target as usize;
        set(result, target);
        kResultOk
    }

    unsafe fn tell(&self, position: *mut i64) -> tresult {
        if position.is_null() {
            return kInvalidArgument;
        }
        set(position, self.content().position as i64);
        kResultOk
    }
}

impl ISizeableStreamTrait for Stream {
    unsafe fn getStreamSize(&self, size: *mut i64) -> tresult {
        if size.is_null() {
            return kInvalidArgument;
        }
        set(size, self.content().bytes.len() as i64);
        kResultOk
    }

    unsafe fn setStreamSize(&self, size: i64) -> tresult {
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= MOST_BYTES) else {
            return kInvalidArgument;
        };
        let mut content = self.content();
        content.bytes.resize(size, 0);
        content.position = content.position.min(size);
        kResultOk
    }
}

/// Writes where the plugin wants an answer; a null pointer means that it does not.
fn set<T>(to: *mut T, value: T) {
    if !to.is_null() {
        // SAFETY: the interface has the plugin pass either null or a pointer to a value of that type; one that is
        // badly aligned is written all the same.
        unsafe { to.write_unaligned(value) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_short_at_the_end_and_say_so() {
        let stream = Stream::of(b"abcde");
        let face = face(&stream);
        let (mut buffer, mut count, mut at) = ([0u8; 4], -1, -1i64);
        // SAFETY: all pointers lead to the variables above, which are as large as is said.
        unsafe {
            assert_eq!(face.read(buffer.as_mut_ptr().cast(), 4, &mut count), kResultOk);
            assert_eq!((&buffer, count), (b"abcd", 4));
            assert_eq!(face.read(buffer.as_mut_ptr().cast(), 4, &mut count), kResultOk);
            assert_eq!((buffer[0], count), (b'e', 1));
            assert_eq!(face.read(buffer.as_mut_ptr().cast(), 4, &mut count), kResultOk);
            assert_eq!(count, 0);
            assert_eq!(face.read(buffer.as_mut_ptr().cast(), -1, &mut count), kInvalidArgument);
            assert_eq!(face.seek(-2, 2, &mut at), kResultOk);
            assert_eq!(at, 3);
            assert_eq!(face.read(buffer.as_mut_ptr().cast(), 1, std::ptr::null_mut()), kResultOk);
            assert_eq!(buffer[0], b'd');
            assert_eq!(face.tell(&mut at), kResultOk);
            assert_eq!(at, 4);
            assert_eq!(face.seek(-9, 1, &mut at), kResultOk);
            assert_eq!(at, 0);
            assert_eq!(face.seek(0, 7, &mut at), kInvalidArgument);
        }
    }

    #[test]
    fn writes_replace_and_extend_from_where_the_stream_stands() {
        let stream = Stream::of(b"");
        let face = face(&stream);
        let sized = face.cast::<ISizeableStream>().unwrap();
        let (mut bytes, mut count, mut size) = (*b"hello", 0, 0i64);
        // SAFETY: all pointers lead to the variables above, which are as large as is said.
        unsafe {
            assert_eq!(face.write(bytes.as_mut_ptr().cast(), 5, &mut count), kResultOk);
            assert_eq!(count, 5);
            assert_eq!(face.seek(3, 0, std::ptr::null_mut()), kResultOk);
            assert_eq!(face.write(bytes.as_mut_ptr().cast(), 5, std::ptr::null_mut()), kResultOk);
            assert_eq!(sized.getStreamSize(&mut size), kResultOk);
            assert_eq!(size, 8);
            assert_eq!(face.write(std::ptr::null_mut(), 5, &mut count), kInvalidArgument);
            assert_eq!(face.write(bytes.as_mut_ptr().cast(), -5, &mut count), kInvalidArgument);
            assert_eq!(sized.setStreamSize(-1), kInvalidArgument);
            assert_eq!(sized.setStreamSize(2), kResultOk);
        }
        assert_eq!(stream.bytes(), b"he");
    }
}
