//! The memory of the text of an index. A replaced text leaves its memory for a later text.

/// Returns an empty buffer for a text of about this length. A buffer that is too short or much too
/// long is replaced: reading a text in a buffer of twice its length took three times as long.
pub(super) fn with_room(mut buffer: Vec<u8>, len: usize) -> Vec<u8> {
    if has_room(buffer.capacity(), len) {
        buffer.clear();
        return buffer;
    }
    drop(buffer);
    Vec::with_capacity(room_for(len))
}

/// Returns a text in a buffer that fits it. Copies the text if its buffer grew by doubling.
pub(super) fn fitting(mut text: Vec<u8>) -> Vec<u8> {
    if has_room(text.capacity(), text.len()) {
        return text;
    }
    let mut copy = with_room(Vec::new(), text.len());
    copy.append(&mut text);
    copy
}

/// Returns the capacity of a new buffer for a text of about this length.
fn room_for(len: usize) -> usize {
    len + len / 16 + 1024
}

/// Returns true if a buffer of this capacity is neither too short nor much too long for a text of
/// this length.
fn has_room(capacity: usize, len: usize) -> bool {
    let wanted = room_for(len);
    (len + 1..=wanted + wanted / 4).contains(&capacity)
}
