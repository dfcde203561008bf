//! PNG files from header fields and filtered rows, valid or not.

/// A PNG file under construction.
#[derive(Clone, Debug)]
pub struct RawPng {
    /// Samples in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// Bits per component.
    pub bit_depth: u8,
    /// 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
    pub color_type: u8,
    /// 0 none, 1 Adam7.
    pub interlace: u8,
    /// Rows, each after its filter type.
    pub rows: Vec<u8>,
}

impl RawPng {
    /// A square grey image without interlacing.
    pub fn grey(side: u32, bit_depth: u8, rows: &[u8]) -> Self {
        let rows = rows.to_vec();
        Self { width: side, height: side, bit_depth, color_type: 0, interlace: 0, rows }
    }

    /// The contents of the `IHDR` chunk.
    pub fn header(&self) -> Vec<u8> {
        let sides = [self.width.to_be_bytes(), self.height.to_be_bytes()].concat();
        [&sides[..], &[self.bit_depth, self.color_type, 0, 0, self.interlace]].concat()
    }

    /// The rows as a zlib stream.
    pub fn stream(&self) -> Vec<u8> {
        fdeflate::compress_to_vec(&self.rows)
    }

    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_with_stream(&self.stream())
    }

    /// The file with another zlib stream.
    pub fn encode_with_stream(&self, stream: &[u8]) -> Vec<u8> {
        png_file(&[(b"IHDR", &self.header()), (b"IDAT", stream), (b"IEND", &[])])
    }
}

/// A PNG file of these chunks, with signature and CRCs.
pub fn png_file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        let covered = [&kind[..], data].concat();
        bytes.extend(u32::try_from(data.len()).expect("a small chunk").to_be_bytes());
        bytes.extend(&covered);
        bytes.extend(crc32fast::hash(&covered).to_be_bytes());
    }
    bytes
}
