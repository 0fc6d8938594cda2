//! The header of a safetensors file: 8 bytes of length, that much JSON, then the tensors' bytes.
//! <https://huggingface.co/docs/safetensors>

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::problem::Problem;

/// The longest header that the format allows.
const MAX_HEADER: u64 = 100_000_000;

#[derive(Deserialize)]
struct Tensor {
    data_offsets: [u64; 2],
}

pub(super) fn check(file: &mut impl Read, size: u64) -> Result<(), Problem> {
    let mut length = [0; 8];
    file.read_exact(&mut length)
        .map_err(|_| "it is shorter than its header's length".to_owned())?;
    let length = u64::from_le_bytes(length);
    let data = size
        .checked_sub(8)
        .and_then(|rest| rest.checked_sub(length));
    let (Some(data), true) = (data, length <= MAX_HEADER) else {
        return Err(format!("its header would have {length} bytes"));
    };
    let mut header = Vec::new();
    match file.take(length).read_to_end(&mut header) {
        Ok(read) if read as u64 == length => {}
        _ => return Err("its header is cut off".to_owned()),
    }
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&header)
        .map_err(|error| format!("its header is no JSON object: {error}"))?;
    let mut spans = Vec::new();
    for (name, value) in &fields {
        if name == "__metadata__" {
            continue;
        }
        let tensor: Tensor = serde_json::from_str(value.get())
            .map_err(|error| format!("tensor {name:?}: {error}"))?;
        let [from, to] = tensor.data_offsets;
        if from > to || to > data {
            return Err(format!("tensor {name:?} ends at {to} of {data} bytes"));
        }
        spans.push((from, to));
    }
    spans.sort_unstable();
    let mut end = 0;
    for (from, to) in spans {
        if from != end {
            return Err(format!(
                "a tensor begins at {from}, where the last one ends at {end}"
            ));
        }
        end = to;
    }
    if end == data {
        Ok(())
    } else {
        Err(format!("its tensors end at {end} of {data} bytes"))
    }
}
