//! `summary.md`: for a job summary or a pull request, GitHub-flavoured.

use mpws_model::Profile;
use mpws_model::claims::ClaimResult;
use mpws_model::result::{CellResult, RunResult, Summary, Verdict};

use crate::claims::{alike, condition, dependence};
use crate::tally::Tally;
use crate::{text, words};

/// The result as GitHub-flavoured Markdown. Text of peers can neither form markup nor links nor
/// mentions. Long lists are cut, so that the whole stays below the limit of a job summary (1 MiB).
pub fn render(result: &RunResult) -> String {
    let mut summary = String::new();
    heading(result, &mut summary);
    problems(result, &mut summary);
    claims(&result.claims, &mut summary);
    findings(result, &mut summary);
    table(result, &mut summary);
    not_green(result, &mut summary);
    host(result, &mut summary);
    summary
}

fn heading(result: &RunResult, summary: &mut String) {
    summary.push_str(&format!(
        "# mpws: {}\n\n{} in {}{}.",
        words::totals(&result.summary),
        words::number_of(result.planned, "cell"),
        words::duration(result.duration_ms),
        words::taken_over(result),
    ));
    if result.interrupted {
        summary.push_str(" **Interrupted**: cells that did not run are counted as error.");
    }
    summary.push('\n');
    if result.profile != Profile::Default {
        summary.push_str(&format!("\nProfile {}.\n", result.profile.word()));
    }
    if !result.selectors.is_empty() {
        let selectors: Vec<String> = result.selectors.iter().map(|word| code(word)).collect();
        summary.push_str(&format!("\nOnly {}.\n", selectors.join(" ")));
    }
    if !result.paths.is_empty() {
        let paths: Vec<String> = result.paths.iter().map(|path| code(path)).collect();
        summary.push_str(&format!("\nOn the paths: {}.\n", paths.join(" ")));
    }
    for line in words::left_out(&result.left_out) {
        summary.push_str(&format!("\nLeft out: {}.\n", escape(&line)));
    }
}

fn problems(result: &RunResult, summary: &mut String) {
    if result.problems.is_empty() {
        return;
    }
    summary.push_str("\n## Problems of the run\n\n");
    list(&result.problems, summary, |problem| escape(problem));
}

fn claims(claims: &[ClaimResult], summary: &mut String) {
    if claims.is_empty() {
        return;
    }
    summary.push_str(
        "\n## Claims of the published recipe\n\n\
         | claim | verdict | why | plain TCP | depends on | answers |\n|---|---|---|---|---|---|\n",
    );
    for claim in claims {
        let conditions = claim.conditions.iter().map(condition);
        let libc = claim.libc.iter().map(|libc| format!("libc: {libc}"));
        let depends: Vec<String> = claim
            .depends_on
            .iter()
            .map(dependence)
            .chain(conditions)
            .chain(libc)
            .map(|one| escape(&one))
            .collect();
        let answers: Vec<String> = alike(claim)
            .iter()
            .take(GROUP_LIMIT)
            .map(|group| {
                let cell = group
                    .answers
                    .first()
                    .and_then(|answer| answer.cells.first());
                let cell =
                    cell.map_or_else(String::new, |cell| format!(": {}", code(cell.as_str())));
                format!("{} {}{cell}", group.answers.len(), group.says.word())
            })
            .collect();
        summary.push_str(&format!(
            "| {}. {} ({}) | **{}** | {} | {} | {} | {} |\n",
            claim.number,
            escape(&claim.statement),
            code(&claim.id),
            claim.verdict.word(),
            escape(&claim.reason),
            claim.over_tcp.map_or("", |verdict| verdict.word()),
            depends.join("<br>"),
            answers.join("<br>"),
        ));
    }
}

fn findings(result: &RunResult, summary: &mut String) {
    if result.findings.is_empty() {
        return;
    }
    summary.push_str("\n## Findings\n\n");
    list(&result.findings, summary, |finding| {
        format!(
            "**{}**: {} ({})  \n  repeat it: {}",
            words::of_finding(finding.kind),
            escape(&finding.text),
            words::number_of(finding.cells.len(), "cell"),
            code(&finding.command),
        )
    });
}

fn table(result: &RunResult, summary: &mut String) {
    let tally = Tally::of(result);
    if tally.rows.is_empty() {
        return;
    }
    summary.push_str("\n## Peers and families\n\n| peer |");
    for family in &tally.families {
        summary.push_str(&format!(" {} |", escape(family)));
    }
    summary.push_str("\n|---|");
    summary.push_str(&"---|".repeat(tally.families.len()));
    summary.push('\n');
    for (peer, row) in &tally.rows {
        summary.push_str(&format!("| {} |", escape(peer)));
        for family in &tally.families {
            let field = row.get(family).map_or_else(String::new, field);
            summary.push_str(&format!(" {field} |"));
        }
        summary.push('\n');
    }
    summary.push_str("\nA cell counts for both of its peers.\n");
}

fn field(summary: &Summary) -> String {
    let red = summary.fail + summary.unsupported + summary.unprovable + summary.error;
    let totals = words::totals(summary).replace(", ", "<br>");
    if red > 0 {
        format!("**{totals}**")
    } else {
        totals
    }
}

fn not_green(result: &RunResult, summary: &mut String) {
    let cells: Vec<&CellResult> = result
        .cells
        .iter()
        .filter(|cell| cell.verdict != Verdict::Pass)
        .collect();
    if cells.is_empty() {
        return;
    }
    summary
        .push_str("\n## Cells that are not green\n\n| cell | verdict | reason |\n|---|---|---|\n");
    for cell in cells.iter().take(LIST_LIMIT) {
        let known: Vec<String> = cell.expected.iter().map(|one| escape(&one.id)).collect();
        let known = match known.as_slice() {
            [] => String::new(),
            ids => format!(" (known deviation {})", ids.join(", ")),
        };
        let reason = escape(&cell.reason) + &known;
        summary.push_str(&format!(
            "| {} | {} | {reason} |\n",
            escape(cell.cell.as_str()),
            words::of_cell(cell),
        ));
    }
    more(cells.len(), summary);
}

fn host(result: &RunResult, summary: &mut String) {
    let host = &result.host;
    summary.push_str(&format!(
        "\n## Where it ran\n\n{} {}, started {}, kernel {} ({}), {}, {}, {}.\n",
        escape(&result.tool.name),
        escape(&result.tool.version),
        escape(&result.started_at),
        escape(&host.kernel),
        escape(&host.architecture),
        escape(&host.libc),
        words::number_of(host.processors, "processor"),
        if host.root {
            "as root"
        } else {
            "as an ordinary user"
        },
    ));
    let missing: Vec<_> = host
        .capabilities
        .iter()
        .filter(|(_, has)| !has.available)
        .collect();
    if !missing.is_empty() {
        summary.push_str("\nThis host cannot do:\n\n");
        list(&missing, summary, |(name, capability)| {
            format!("{}: {}", escape(name), escape(&capability.detail))
        });
    }
    if words::started(&result.peers).next().is_some() {
        summary.push_str("\n| peer | version | runtime | C library |\n|---|---|---|---|\n");
        for (facts, runs_on) in words::started(&result.peers) {
            let version = facts.id.version.as_deref().unwrap_or_default();
            let fields = [&facts.peer, version, &runs_on.runtime, &runs_on.libc];
            let fields: Vec<String> = fields.into_iter().map(escape).collect();
            summary.push_str(&format!("| {} |\n", fields.join(" | ")));
        }
    }
}

fn list<T>(items: &[T], summary: &mut String, line: impl Fn(&T) -> String) {
    for item in items.iter().take(LIST_LIMIT) {
        summary.push_str(&format!("- {}\n", line(item)));
    }
    more(items.len(), summary);
}

fn more(length: usize, summary: &mut String) {
    if let Some(more) = length.checked_sub(LIST_LIMIT).filter(|more| *more > 0) {
        summary.push_str(&format!("\nAnd {more} more, in `result.json`.\n"));
    }
}

/// One line in which no character forms markup: all that could are preceded by a backslash
/// (CommonMark section 2.4), those of HTML are character references.
pub(crate) fn escape(hostile: &str) -> String {
    let mut escaped = String::new();
    for character in text::line(hostile, text::LINE_LIMIT).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|'
            | '~' | '@' | '$' | ':' | '"' | '^' | '=' => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A code span, fenced by more backticks than the text holds in a row (CommonMark section 6.1).
pub(crate) fn code(hostile: &str) -> String {
    let text = text::line(hostile, text::LINE_LIMIT);
    let mut longest = 0;
    let mut run = 0;
    for character in text.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    if longest > 0 {
        format!("{fence} {text} {fence}")
    } else {
        format!("{fence}{text}{fence}")
    }
}

/// Most kinds of answer told of a claim.
const GROUP_LIMIT: usize = 12;

/// Longest list, in entries.
const LIST_LIMIT: usize = 200;
