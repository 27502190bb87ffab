//! Which rule is broken: the tests write its name into the component's bytes.

/// The name, behind a mark by which the tests find it.
#[repr(C)]
struct Chosen {
    mark: [u8; 9],
    /// The tests write the name here.
    room: [u8; 40],
}

static CHOSEN: Chosen = Chosen { mark: *b"MUTATION=", room: [b'~'; 40] };

/// Whether this mutation is chosen.
pub fn is(name: &str) -> bool {
    // The compiler must not know what is in it.
    let Chosen { mark, room } = std::hint::black_box(&CHOSEN);
    std::hint::black_box(mark);
    let end = room.iter().position(|&byte| byte == b'~').unwrap_or(room.len());
    room.get(..end) == Some(name.as_bytes())
}
