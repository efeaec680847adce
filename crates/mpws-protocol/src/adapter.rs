//! What a peer is to the control loops: a greeting, and a method for each operation.

use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::facts::SocketFacts;
use crate::failure::Failure;
use crate::message::{Hello, Request, Response};
use crate::operation::Operation;
use crate::ops::*;
use crate::payload::Digested;
use crate::records::ConnectionEnd;

macro_rules! adapter {
    ($($name:literal $method:ident $args:ident -> $reply:ty;)*) => {
        /// A peer: what it says of itself, and how it answers.
        ///
        /// Each operation has a method, which answers `unsupported` until an adapter has one of its
        /// own. Several run at the same time. A program without a runtime writes methods that
        /// block, and takes the control loop [`crate::blocking`].
        pub trait Adapter: Send + Sync + 'static {
            /// The first line.
            fn hello(&self) -> Hello;

            /// Answers one request: calls the method of its operation. An adapter that changes
            /// requests or responses has its own.
            fn handle(&self, request: Request) -> impl Future<Output = Response> + Send {
                async move {
                    let start = Instant::now();
                    let done = dispatch(self, &request.op, request.args).await;
                    Response::new(request.id, start, done)
                }
            }

            /// The failure of an operation that this adapter does not have.
            fn unknown(&self, op: &str) -> Failure {
                Failure::unsupported(format!("{op} is not known"))
            }

            $(
                #[doc = concat!("Carries out `", $name, "`.")]
                fn $method(
                    &self,
                    args: $args,
                ) -> impl Future<Output = Result<$reply, Failure>> + Send {
                    let _ = args;
                    async { Err(self.unknown($name)) }
                }
            )*
        }

        async fn dispatch<A: Adapter + ?Sized>(
            adapter: &A,
            op: &str,
            args: Value,
        ) -> Result<Value, Failure> {
            match op {
                $($name => reply(adapter.$method(parse(args)?).await?),)*
                _ => Err(adapter.unknown(op)),
            }
        }
    };
}

operations!(adapter);

/// Arguments that are not exactly the operation's are unsupported.
fn parse<O: Operation + DeserializeOwned>(args: Value) -> Result<O, Failure> {
    serde_json::from_value(args).map_err(|error| Failure::unsupported(error.to_string()))
}

/// A reply, as data.
fn reply(reply: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(reply)
        .map_err(|error| Failure::plain("serde_json::Error", &error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::{Answer, PROTOCOL};

    struct OnlyLooks;

    impl Adapter for OnlyLooks {
        fn hello(&self) -> Hello {
            Hello {
                protocol: PROTOCOL,
                name: "only-looks".to_owned(),
                version: "1".to_owned(),
                implementation: "plain".to_owned(),
                runtime: "none".to_owned(),
                libc: "none".to_owned(),
            }
        }

        async fn process_descriptors(&self, _: ProcessDescriptors) -> Result<Descriptors, Failure> {
            Ok(Descriptors {
                sockets: Vec::new(),
            })
        }
    }

    async fn answer(op: &str, args: Value) -> Answer<Value> {
        let request = Request {
            id: 1,
            op: op.to_owned(),
            args,
        };
        OnlyLooks.handle(request).await.answer
    }

    #[tokio::test]
    async fn an_operation_with_a_method_is_answered_by_it() {
        let reply = answer("process.descriptors", json!({})).await;
        assert_eq!(reply, Answer::Ok(json!({ "sockets": [] })));
    }

    #[tokio::test]
    async fn what_has_no_method_or_other_arguments_is_unsupported() {
        for (op, args) in [
            ("socket.pair", json!({})),
            ("no.such-operation", json!({})),
            ("process.descriptors", json!({ "surplus": 1 })),
        ] {
            let reply = answer(op, args).await;
            assert!(matches!(reply, Answer::Unsupported(_)), "{op}: {reply:?}");
        }
    }
}
