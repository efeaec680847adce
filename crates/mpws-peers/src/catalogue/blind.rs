//! From the table `[blind]` of a `peer.toml` to its peer.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;

use super::error::CatalogueError;
use super::expand::Reader;
use super::file::{BlindTable, NeedTable, Role};
use super::spec::{BlindLines, BlindProgram, Need, Needed, PeerSpec, Program};
use super::template;

/// The argument of a command that stands for the words that put it on MPTCP.
pub(crate) const MPTCP_PLACE: &str = "{mptcp}";

impl Reader<'_> {
    pub(super) fn blind(
        &self,
        common: PeerSpec,
        table: &Spanned<BlindTable>,
    ) -> Result<PeerSpec, CatalogueError> {
        let table_span = table.span();
        let table = table.get_ref();
        for (role, word, argv) in [
            (Role::Client, "client", &table.client),
            (Role::Server, "server", &table.server),
        ] {
            match argv {
                None if common.roles.contains(&role) => {
                    let detail = format!("the role {word} has no command `{word}`");
                    return Err(self.invalid(table_span, detail));
                }
                Some(argv) if !common.roles.contains(&role) => {
                    let detail =
                        format!("a command for the role {word}, which `roles` does not name");
                    return Err(self.invalid(argv.span(), detail));
                }
                Some(argv) => {
                    let known = ["host", "port", "uri", "dir", "mptcp"];
                    let names = template::check(argv.get_ref(), &known)
                        .map_err(|detail| self.invalid(argv.span(), detail))?;
                    self.check_place(argv, names.contains("mptcp"), table)?;
                    if !names.contains("port") && !names.contains("uri") {
                        let detail =
                            "neither {port} nor {uri}: the suite could not tell it where to go";
                        return Err(self.invalid(argv.span(), detail.to_owned()));
                    }
                }
                None => {}
            }
        }
        for argv in std::iter::once(&table.version)
            .chain(&table.mptcp)
            .chain(&table.build)
        {
            template::check(argv.get_ref(), &["dir"])
                .map_err(|detail| self.invalid(argv.span(), detail))?;
        }
        for value in table.env.values() {
            template::check(std::slice::from_ref(value), &["dir"])
                .map_err(|detail| self.invalid(table_span.clone(), detail))?;
        }
        if table.client.is_some() && table.lines.is_none() {
            let detail = "a client needs a table `lines`: how it is talked to";
            return Err(self.invalid(table_span, detail.to_owned()));
        }
        let files = match &table.files {
            Some(name) => self.files(self.source, name, &self.inside(name)?, &|_| true)?,
            None => BTreeMap::new(),
        };
        let needs = table.needs.iter().map(|need| self.need(need));
        let argv = |argv: &Option<Spanned<Vec<String>>>| argv.as_ref().map(|a| a.get_ref().clone());
        Ok(PeerSpec {
            program: Program::Blind(BlindProgram {
                version: table.version.get_ref().clone(),
                mptcp: argv(&table.mptcp),
                client: argv(&table.client),
                lines: table.lines.as_ref().map(|lines| BlindLines {
                    ready: lines.ready.clone(),
                    leave: lines.leave,
                    prompt: lines.prompt.clone(),
                }),
                server: argv(&table.server),
                env: table.env.clone(),
                files: Arc::new(files),
                build: table.build.iter().map(|a| a.get_ref().clone()).collect(),
                needs: needs.collect::<Result<_, _>>()?,
            }),
            ..common
        })
    }

    /// Where words for MPTCP have a place in a command, it is an argument, and there are such
    /// words.
    fn check_place(
        &self,
        argv: &Spanned<Vec<String>>,
        placed: bool,
        table: &BlindTable,
    ) -> Result<(), CatalogueError> {
        let detail = match (&table.mptcp, placed) {
            (_, false) => return Ok(()),
            (None, true) => "{mptcp} without `mptcp`: the words that it stands for",
            (Some(_), true) if !argv.get_ref()[1..].iter().any(|part| part == MPTCP_PLACE) => {
                "{mptcp} stands for whole arguments behind the program"
            }
            _ => return Ok(()),
        };
        Err(self.invalid(argv.span(), detail.to_owned()))
    }

    fn need(&self, table: &Spanned<NeedTable>) -> Result<Need, CatalogueError> {
        let NeedTable {
            program,
            file,
            package,
        } = table.get_ref();
        let what = match (program, file) {
            (Some(program), None) => Needed::Program(program.clone()),
            (None, Some(file)) => Needed::File(file.into()),
            _ => {
                let detail = "either `program` or `file`".to_owned();
                return Err(self.invalid(table.span(), detail));
            }
        };
        Ok(Need {
            what,
            package: package.clone(),
        })
    }
}
