//! From the description of a middlebox to the machines that do its work.

use super::machine::Machine;
use super::outlet::{OnSegments, TcpOnly};
use super::{
    balance, bridge, coalesce, conntrack, echo_options, isn, nat, replace, resegment, reset_after,
    rule, split_tcp, syn_proxy, unreachable,
};
use crate::middlebox::Middlebox;
use crate::topology::{End, Topology};
use std::io;

/// The machines that the description of a box on this path means, each with the path where it
/// stands.
pub(crate) fn build(
    description: &Middlebox,
    topology: &Topology,
    path: u8,
) -> io::Result<Vec<(u8, Box<dyn Machine>)>> {
    use Middlebox as Is;
    fn tcp(path: u8, inner: impl OnSegments + 'static) -> Box<dyn Machine> {
        Box::new(TcpOnly::new(path, inner))
    }
    let machine: Box<dyn Machine> = match description.clone() {
        Is::Bridge => Box::new(bridge::Bridge { path }),
        Is::Rule(rule) => {
            let hosts = [End::First, End::Second].map(|end| topology.host_at(path, end).to_owned());
            Box::new(rule::RuleBox::new(path, hosts, rule)?)
        }
        Is::Nat { idle, flush_after } => Box::new(nat::Nat::new(path, idle, flush_after)),
        Is::Isn => tcp(path, isn::Isn::default()),
        Is::Replace { search, with } => {
            tcp(path, replace::Replace::new(search.into(), with.into()))
        }
        Is::Resegment { size } => tcp(path, resegment::Resegment::new(size)),
        Is::Coalesce { wait } => tcp(path, coalesce::Coalesce::new(wait)),
        Is::SynProxy => tcp(path, syn_proxy::SynProxy::default()),
        Is::SplitTcp => tcp(path, split_tcp::SplitTcp::default()),
        Is::EchoOptions => tcp(path, echo_options::EchoOptions::default()),
        Is::Balance { to: None, by } => tcp(path, balance::Refuse { by }),
        Is::Balance { to: Some(to), by } => {
            let client = topology.host_at(path, End::First);
            let server = match topology.host_at(to, End::Second) {
                other if other == client => End::First,
                _ => End::Second,
            };
            let far = balance::Leg { path: to, server };
            let (there, back) = balance::pair(path, far, by);
            return Ok(vec![(path, tcp(path, there)), (to, tcp(to, back))]);
        }
        Is::Conntrack => tcp(path, conntrack::Conntrack::default()),
        Is::ResetAfter { segments } => tcp(path, reset_after::ResetAfter::new(segments)),
        Is::Unreachable => tcp(path, unreachable::Unreachable),
    };
    Ok(vec![(path, machine)])
}
