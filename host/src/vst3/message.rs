//! What a plugin's two halves tell each other: attribute lists and messages, which the host makes for them.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use vst3::Steinberg::Vst::IAttributeList_::AttrID;
use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;
use vst3::{Class, ComPtr, ComWrapper};

use super::text;

/// Values by name.
#[derive(Default)]
pub(super) struct Attributes {
    values: Mutex<HashMap<CString, Attribute>>,
}

enum Attribute {
    Integer(i64),
    Float(f64),
    /// With its closing zero.
    Text(Box<[u16]>),
    Binary(Box<[u8]>),
}

impl Class for Attributes {
    type Interfaces = (IAttributeList,);
}

impl Attributes {
    fn values(&self) -> MutexGuard<'_, HashMap<CString, Attribute>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, id: AttrID, value: Attribute) -> tresult {
        let Some(id) = name(id) else { return kInvalidArgument };
        self.values().insert(id.to_owned(), value);
        kResultOk
    }

    /// Answers with what `take` makes of the value, if there is one and it is of the right kind.
    fn get(&self, id: AttrID, take: impl FnOnce(&Attribute) -> bool) -> tresult {
        let Some(id) = name(id) else { return kInvalidArgument };
        match self.values().get(id) {
            Some(value) if take(value) => kResultOk,
            _ => kResultFalse,
        }
    }
}

/// The name that an attribute goes by; null is none.
fn name<'a>(id: AttrID) -> Option<&'a CStr> {
    // SAFETY: plugins name attributes by zero-terminated strings, which they own for the time of the call.
    (!id.is_null()).then(|| unsafe { CStr::from_ptr(id) })
}

impl IAttributeListTrait for Attributes {
    unsafe fn setInt(&self, id: AttrID, value: i64) -> tresult {
        self.set(id, Attribute::Integer(value))
    }

    unsafe fn getInt(&self, id: AttrID, value: *mut i64) -> tresult {
        self.get(id, |attribute| match attribute {
            Attribute::Integer(found) if !value.is_null() => {
                // SAFETY: the plugin passes a place for one number, and it is not null.
                unsafe { value.write_unaligned(*found) };
                true
            }
            _ => false,
        })
    }

    unsafe fn setFloat(&self, id: AttrID, value: f64) -> tresult {
        self.set(id, Attribute::Float(value))
    }

    unsafe fn getFloat(&self, id: AttrID, value: *mut f64) -> tresult {
        self.get(id, |attribute| match attribute {
            Attribute::Float(found) if !value.is_null() => {
                // SAFETY: the plugin passes a place for one number, and it is not null.
                unsafe { value.write_unaligned(*found) };
                true
            }
            _ => false,
        })
    }

    unsafe fn setString(&self, id: AttrID, string: *const TChar) -> tresult {
        if string.is_null() {
            return kInvalidArgument;
        }
        let mut units = Vec::new();
        loop {
            // SAFETY: the interface has plugins pass a zero-terminated string, and no unit beyond its zero is read.
            let unit = unsafe { string.add(units.len()).read_unaligned() };
            units.push(unit);
            if unit == 0 {
                break;
            }
        }
        self.set(id, Attribute::Text(units.into()))
    }

    unsafe fn getString(&self, id: AttrID, string: *mut TChar, bytes: u32) -> tresult {
        self.get(id, |attribute| match attribute {
            Attribute::Text(found) if !string.is_null() && bytes >= 2 => {
                let room = bytes as usize / 2;
                let count = found.len().min(room);
                // SAFETY: the plugin owns `bytes` bytes at `string`, and `count` units are no more than that.
                unsafe {
                    std::ptr::copy_nonoverlapping(found.as_ptr().cast::<u8>(), string.cast(), count * 2);
                    // What did not fit loses its end, but not its zero.
                    string.add(count - 1).write_unaligned(0);
                }
                true
            }
            _ => false,
        })
    }

    unsafe fn setBinary(&self, id: AttrID, data: *const c_void, bytes: u32) -> tresult {
        if data.is_null() && bytes > 0 {
            return kInvalidArgument;
        }
        let copied = match bytes {
            0 => Box::default(),
            // SAFETY: the plugin owns `bytes` readable bytes at `data`, which is not null.
            bytes => unsafe { std::slice::from_raw_parts(data.cast::<u8>(), bytes as usize) }.into(),
        };
        self.set(id, Attribute::Binary(copied))
    }

    unsafe fn getBinary(&self, id: AttrID, data: *mut *const c_void, bytes: *mut u32) -> tresult {
        self.get(id, |attribute| match attribute {
            Attribute::Binary(found) if !data.is_null() && !bytes.is_null() => {
                // SAFETY: the plugin passes places for a pointer and a count, and neither is null. What the pointer
                // leads to stays until the attribute is set again or the list goes, as the interface says.
                unsafe {
                    data.write_unaligned(found.as_ptr().cast());
                    bytes.write_unaligned(found.len() as u32);
                }
                true
            }
            _ => false,
        })
    }
}

/// One message.
pub(super) struct Message {
    /// Every id that was ever set: a pointer to one may still be in use.
    ids: Mutex<Vec<CString>>,
    attributes: ComPtr<IAttributeList>,
}

impl Class for Message {
    type Interfaces = (IMessage,);
}

impl Message {
    /// A message without id and attributes.
    pub(super) fn new() -> Message {
        let attributes = ComWrapper::new(Attributes::default()).to_com_ptr();
        Message { ids: Mutex::default(), attributes: attributes.expect("a list has its interface") }
    }
}

impl IMessageTrait for Message {
    unsafe fn getMessageID(&self) -> FIDString {
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.last().map_or(std::ptr::null(), |id| id.as_ptr())
    }

    unsafe fn setMessageID(&self, id: FIDString) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        match name(id) {
            Some(id) if ids.last().is_some_and(|last| last.as_c_str() == id) => {}
            Some(id) => ids.push(id.to_owned()),
            None => {}
        }
    }

    unsafe fn getAttributes(&self) -> *mut IAttributeList {
        // The message keeps the list; the plugin gets no reference of its own, as the interface has it.
        self.attributes.as_ptr()
    }
}

/// The host's name, as plugins ask for it.
pub(super) fn host_name(name: &mut [u16]) {
    text::to_utf16("tonemill", name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_as_what_they_were_set_as_and_as_nothing_else() {
        let list = ComWrapper::new(Attributes::default()).to_com_ptr::<IAttributeList>().unwrap();
        let id = |name: &'static CStr| name.as_ptr();
        let (mut integer, mut float) = (0, 0.0);
        let long: Vec<u16> = "longer\0".encode_utf16().collect();
        let mut string = [9u16; 4];
        let (mut data, mut size) = (std::ptr::null(), 0);
        // SAFETY: all names end with a zero, and all pointers lead to the variables above.
        unsafe {
            assert_eq!(list.setInt(id(c"i"), -7), kResultOk);
            assert_eq!(list.setFloat(id(c"f"), 0.5), kResultOk);
            assert_eq!(list.setString(id(c"s"), long.as_ptr()), kResultOk);
            assert_eq!(list.setBinary(id(c"b"), [1u8, 2, 3].as_ptr().cast(), 3), kResultOk);
            assert_eq!(list.setBinary(id(c"none"), std::ptr::null(), 0), kResultOk);
            assert_eq!(list.getInt(id(c"i"), &mut integer), kResultOk);
            assert_eq!(list.getFloat(id(c"f"), &mut float), kResultOk);
            assert_eq!((integer, float), (-7, 0.5));
            assert_eq!(list.getString(id(c"s"), string.as_mut_ptr(), 8), kResultOk);
            assert_eq!(text::from_utf16(&string), "lon");
            assert_eq!(string[3], 0);
            assert_eq!(list.getBinary(id(c"b"), &mut data, &mut size), kResultOk);
            assert_eq!(std::slice::from_raw_parts(data.cast::<u8>(), size as usize), [1, 2, 3]);
            assert_eq!(list.getBinary(id(c"none"), &mut data, &mut size), kResultOk);
            assert_eq!(size, 0);
            assert_eq!(list.getInt(id(c"f"), &mut integer), kResultFalse);
            assert_eq!(list.getInt(id(c"missing"), &mut integer), kResultFalse);
            assert_eq!(list.getInt(std::ptr::null(), &mut integer), kInvalidArgument);
            assert_eq!(list.getInt(id(c"i"), std::ptr::null_mut()), kResultFalse);
        }
    }

    #[test]
    fn a_message_has_the_id_that_it_was_given_last() {
        let message = ComWrapper::new(Message::new()).to_com_ptr::<IMessage>().unwrap();
        // SAFETY: the ids end with a zero; what `getMessageID` gives lives as long as the message.
        unsafe {
            assert!(message.getMessageID().is_null());
            message.setMessageID(c"first".as_ptr());
            let first = message.getMessageID();
            message.setMessageID(c"second".as_ptr());
            assert_eq!(CStr::from_ptr(message.getMessageID()), c"second");
            assert_eq!(CStr::from_ptr(first), c"first");
            assert!(!message.getAttributes().is_null());
        }
    }
}
