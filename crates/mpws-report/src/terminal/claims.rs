//! The claims, at the end of a run that was asked about them.

use mpws_model::claims::{ClaimResult, ClaimVerdict};

use super::Paint;
use crate::claims::{Alike, alike, condition, dependence};
use crate::{text, words};

/// Each claim with its verdict, the reason, on what it depends, and what is behind it.
pub(super) fn claims(claims: &[ClaimResult], paint: Paint, account: &mut String) {
    if claims.is_empty() {
        return;
    }
    account.push('\n');
    account.push_str(&paint.bold("claims of the published recipe"));
    account.push('\n');
    for claim in claims {
        account.push('\n');
        one(claim, paint, account);
    }
}

fn one(claim: &ClaimResult, paint: Paint, account: &mut String) {
    let word = claim.verdict.word();
    let word = match claim.verdict {
        ClaimVerdict::True => paint.green(word),
        ClaimVerdict::False | ClaimVerdict::NotDecided => paint.red(word),
        ClaimVerdict::ItDepends => paint.yellow(word),
    };
    let statement = text::line(&claim.statement, text::LINE_LIMIT);
    let id = text::line(&claim.id, text::LINE_LIMIT);
    account.push_str(&format!("{word}: {}. {statement} ({id})\n", claim.number));
    row("why", &claim.reason, account);
    if let Some(verdict) = claim.over_tcp {
        row("plain TCP", verdict.word(), account);
    }
    for one in &claim.depends_on {
        row("depends on", &dependence(one), account);
    }
    for one in &claim.conditions {
        row("hinges on", &condition(one), account);
    }
    if !claim.libc.is_empty() {
        row("libc", &claim.libc.join(", "), account);
    }
    let groups = alike(claim);
    for group in groups.iter().take(GROUPS_SHOWN) {
        behind(group, account);
    }
    if groups.len() > GROUPS_SHOWN {
        let more = groups.len() - GROUPS_SHOWN;
        row(
            "",
            &format!("and {more} more kinds of answer, in result.json"),
            account,
        );
    }
}

/// `3 support: because` and the first cell.
fn behind(group: &Alike<'_>, account: &mut String) {
    let count = group.answers.len();
    let text = format!("{count} x {}: {}", group.says.word(), group.because);
    row("", &text, account);
    if let Some(answer) = group.answers.first()
        && let Some(cell) = answer.cells.first()
    {
        let verdict = answer.verdict.map_or("", |verdict| verdict.word());
        let more = match count {
            1 => String::new(),
            _ => format!(" and {}", words::number_of(count - 1, "other")),
        };
        row("", &format!("  {verdict} {cell}{more}"), account);
    }
}

fn row(name: &str, value: &str, account: &mut String) {
    let value = text::line(value, ROW_LIMIT);
    account.push_str(format!("  {name:<10} {value}").trim_end());
    account.push('\n');
}

const ROW_LIMIT: usize = 600;
const GROUPS_SHOWN: usize = 12;
