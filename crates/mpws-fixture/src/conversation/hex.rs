//! Bytes that scripts write in hexadecimal.

use crate::errors::StepError;

pub(super) fn unhex(text: &str) -> Result<Vec<u8>, StepError> {
    let wrong = || StepError::Misplaced("not an even number of hexadecimal digits");
    let digits = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(wrong)?;
    if digits.len() % 2 != 0 {
        return Err(wrong());
    }
    Ok(digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect())
}
