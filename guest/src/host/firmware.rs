//! Which memory encryption a guest's firmware supports, from the table at its end
//! (OvmfPkg/ResetVector of EDK II).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// How much of a firmware's end is read. Its table of GUIDs ends 32 bytes before the end.
const END_LEN: u64 = 4096;
/// The entry with the start address of a SEV-ES guest's vCPUs:
/// 00f771de-1a7e-4fcb-890e-68c77e2fb44e.
const SEV_ES_RESET_BLOCK: [u8; 16] = 0x00f7_71de_1a7e_4fcb_890e_68c7_7e2f_b44e_u128.to_be_bytes();
/// The entry with the special pages of a SEV-SNP guest: dc886566-984a-4798-a75e-5585a7bf67cc.
const SEV_METADATA: [u8; 16] = 0xdc88_6566_984a_4798_a75e_5585_a7bf_67cc_u128.to_be_bytes();

/// A guest's firmware.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Firmware {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its size.
    pub(super) len_bytes: u64,
    /// Whether it can start a guest with SEV-ES.
    pub(super) sev_es: bool,
    /// Whether it can start a guest with SEV-SNP.
    pub(super) sev_snp: bool,
}

impl Firmware {
    pub(super) fn probe(path: &Path) -> std::io::Result<Self> {
        let mut file = File::open(path)?;
        let len_bytes = file.metadata()?.len();
        file.seek(SeekFrom::Start(len_bytes.saturating_sub(END_LEN)))?;
        let mut end = Vec::new();
        file.take(END_LEN).read_to_end(&mut end)?;
        let has = |guid| end.windows(16).any(|window| window == in_memory(guid));
        let (sev_es, sev_snp) = (has(SEV_ES_RESET_BLOCK), has(SEV_METADATA));
        Ok(Self { path: path.into(), len_bytes, sev_es, sev_snp })
    }
}

/// A GUID as firmware stores it, with its first three numbers little-endian.
fn in_memory(mut guid: [u8; 16]) -> [u8; 16] {
    guid[..4].reverse();
    guid[4..6].reverse();
    guid[6..8].reverse();
    guid
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    /// The bytes of OvmfSevMetadataOffset in EDK II.
    #[test]
    fn guid_has_the_byte_order_of_edk2() {
        let stored = in_memory(SEV_METADATA);
        assert_eq!(stored[..8], [0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47]);
        assert_eq!(stored[8..], [0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc]);
    }

    #[test]
    fn table_is_found_only_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("OVMF.fd");
        let probe = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            let firmware = Firmware::probe(&path).unwrap();
            (firmware.len_bytes, firmware.sev_es, firmware.sev_snp)
        };
        let both = [in_memory(SEV_METADATA), in_memory(SEV_ES_RESET_BLOCK)].concat();
        assert_eq!(probe(b""), (0, false, false));
        assert_eq!(probe(&both), (32, true, true));
        assert_eq!(probe(&[&both[..], &[0; 5000]].concat()), (5032, false, false));
        assert_eq!(probe(&[&[0; 5000], &both[16..], &[0; 32]].concat()), (5048, true, false));
        assert!(Firmware::probe(&folder.path().join("none")).is_err());
    }
}
