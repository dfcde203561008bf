//! Sound pictures and broken ones.

pub(crate) fn rows(side: usize) -> Vec<u8> {
    let level = |place: usize| u8::try_from(place * place / 3 % 200).unwrap();
    let row = |y: usize| [vec![0], (0..side).map(|x| level(y * side + x)).collect()].concat();
    (0..side).flat_map(row).collect()
}

fn png(header: &[u8], chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let ends: [(&[u8; 4], &[u8]); 2] = [(b"IHDR", header), (b"IEND", &[])];
    for (kind, body) in ends[..1].iter().chain(chunks).chain(&ends[1..]) {
        let covered = [&kind[..], body].concat();
        bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(&covered);
        bytes.extend(crc32fast::hash(&covered).to_be_bytes());
    }
    bytes
}

fn header(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [&sides[..], &[depth, colour, 0, 0, 0]].concat()
}

pub(crate) fn grey(side: u32, depth: u8, rows: &[u8]) -> Vec<u8> {
    of_kind(side, side, (depth, 0), rows)
}

pub(crate) fn of_kind(width: u32, height: u32, (depth, colour): (u8, u8), rows: &[u8]) -> Vec<u8> {
    let stream = fdeflate::compress_to_vec(rows);
    png(&header(width, height, depth, colour), &[(b"IDAT", &stream)])
}

/// A name for the case, the file, and words of the reason.
type Case = (&'static str, Vec<u8>, &'static str);

/// Pictures that are refused.
pub(crate) fn broken_pictures() -> Vec<Case> {
    [damaged(), of_other_kinds(), too_large()].concat()
}

fn damaged() -> Vec<Case> {
    let sound = grey(16, 8, &rows(16));
    let stream = fdeflate::compress_to_vec(&rows(16));
    let changed = |place: usize| {
        let mut bytes = sound.clone();
        bytes[place] ^= 0x40;
        bytes
    };
    let mut adler = stream.clone();
    *adler.last_mut().unwrap() ^= 1;
    let framed = |stream: &[u8]| png(&header(16, 16, 8, 0), &[(b"IDAT", stream)]);
    vec![
        ("empty", Vec::new(), "the file is empty"),
        ("text", b"hello".to_vec(), "neither PNG nor JPEG nor TIFF"),
        ("cut in the header", sound[..20].to_vec(), "truncated"),
        ("cut in the pixels", sound[..sound.len() / 2].to_vec(), "truncated"),
        ("cut at the end", sound[..sound.len() - 1].to_vec(), "truncated"),
        ("CRC of the header", changed(8 + 8 + 14), "PNG chunk IHDR has a wrong checksum (CRC)"),
        (
            "CRC of the pixels",
            changed(sound.len() - 14),
            "PNG chunk IDAT has a wrong checksum (CRC)",
        ),
        ("Adler", framed(&adler), "Adler-32"),
        ("trailing", [&sound[..], b"more"].concat(), "4 bytes follow the end"),
        ("surplus rows", grey(16, 8, &rows(17)[..17 * 17]), "more pixel data"),
        ("missing rows", grey(16, 8, &rows(16)[..17 * 15]), "announces 272"),
    ]
}

fn of_other_kinds() -> Vec<Case> {
    vec![
        ("palette", of_kind(16, 16, (8, 3), &rows(16)), "palette"),
        ("alpha", of_kind(16, 16, (8, 4), &[0; 16 * 33]), "alpha"),
        ("colour", of_kind(16, 16, (8, 2), &[0; 16 * 49]), "rgb_channel"),
        ("colour and alpha", of_kind(16, 16, (8, 6), &[0; 16 * 65]), "alpha"),
        ("not square", of_kind(16, 15, (8, 0), &rows(16)[..17 * 15]), "expected a square"),
        ("other size", grey(8, 8, &rows(8)), "16"),
        ("JPEG by content", vec![0xff, 0xd8, 0xff, 0xe0], "is a JPEG by its content and a PNG"),
        ("TIFF by content", b"II*\0\x08\0\0\0".to_vec(), "is a TIFF by its content and a PNG"),
    ]
}

fn too_large() -> Vec<Case> {
    let zeros = vec![0; 32 << 20];
    vec![
        ("too large", grey(4097, 8, &[0; 64]), "max_side_px"),
        ("header bomb", grey(50_000, 8, &[0; 64]), "max_side_px"),
        ("compressed bomb", grey(20_000, 8, &zeros), "max_side_px"),
        ("stream bomb", grey(16, 8, &zeros), "more pixel data"),
        ("no pixels", grey(0, 8, &[]), "0x0 pixels"),
    ]
}
