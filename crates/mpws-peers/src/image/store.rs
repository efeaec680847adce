//! What images need of the container engine.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{
    BuildInfo, ContainerCreateBody, ContainerSummary, HostConfig, ImageSummary, Mount, MountType,
};
use bollard::query_parameters::{
    BuildImageOptions, CreateImageOptions, ListContainersOptions, ListImagesOptions,
    ListVolumesOptions, LogsOptions, RemoveContainerOptions, RemoveImageOptions,
    RemoveVolumeOptions,
};
use bollard::{Docker, body_full, body_try_stream};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tokio::io::AsyncReadExt as _;

use super::context::written;
use super::error::ImageError;
use super::labels::USER;
use crate::engine::{Engine, EngineError, WORK};

/// How long the engine may take to build or import an image.
pub const ENGINE_DEADLINE: Duration = Duration::from_secs(1800);

/// The engine, as a store of images.
#[derive(Debug)]
pub(super) struct Store(Engine);

/// An image, as far as it matters.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) id: String,
    pub(super) labels: HashMap<String, String>,
    /// In bytes, with all that it stands on.
    pub(super) size: Option<i64>,
}

/// What a container said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: i64,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Store {
    pub(super) fn new(engine: Engine) -> Self {
        Self(engine)
    }

    /// The image of this name or id.
    pub(super) fn image(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        let reference = reference.to_owned();
        let found = self.0.ask("tell of an image", WORK, |docker| async move {
            there(docker.inspect_image(&reference).await)
        })?;
        Ok(found.map(|found| Image {
            id: found.id.unwrap_or_default(),
            size: found.size,
            labels: found
                .config
                .and_then(|config| config.labels)
                .unwrap_or_default(),
        }))
    }

    /// All images with this label, those without a name too; layers that other images stand on only
    /// with `all`.
    pub(super) fn images(&self, label: &str, all: bool) -> Result<Vec<ImageSummary>, EngineError> {
        let options = ListImagesOptions {
            all,
            filters: Some(by_label(label)),
            ..ListImagesOptions::default()
        };
        self.0.ask("list its images", WORK, |docker| async move {
            docker.list_images(Some(options)).await
        })
    }

    /// Builds an image without network.
    pub(super) fn build(
        &self,
        reference: &str,
        arguments: HashMap<String, String>,
        context: Bytes,
    ) -> Result<(), ImageError> {
        let options = BuildImageOptions {
            dockerfile: "Dockerfile".to_owned(),
            t: Some(reference.to_owned()),
            buildargs: Some(arguments),
            networkmode: Some("none".to_owned()),
            rm: true,
            forcerm: true,
            ..BuildImageOptions::default()
        };
        let what = "build an image";
        let (log, failed) = self.0.ask(what, ENGINE_DEADLINE, |docker| async move {
            let mut log = String::new();
            let mut lines = docker.build_image(options, None, Some(body_full(context)));
            loop {
                match lines.try_next().await {
                    Ok(Some(BuildInfo { stream, .. })) => log.push_str(&stream.unwrap_or_default()),
                    Ok(None) => return Ok((log, None)),
                    Err(Error::DockerStreamError { error }) => return Ok((log, Some(error))),
                    Err(error) => return Err(error),
                }
            }
        })?;
        match failed {
            None => Ok(()),
            Some(words) => Err(ImageError::of_build(words, &log)),
        }
    }

    /// Makes an image of a root file system in a tar file.
    pub(super) fn import(
        &self,
        file: &Path,
        repository: &str,
        tag: &str,
        labels: &[(&str, &str)],
    ) -> Result<(), ImageError> {
        let changes = vec![format!("LABEL {}", written(labels).join(" "))];
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(repository.to_owned()),
            tag: Some(tag.to_owned()),
            changes,
            ..CreateImageOptions::default()
        };
        let file = std::fs::File::open(file).map_err(ImageError::Context)?;
        let file = tokio::fs::File::from_std(file);
        let what = "import an image";
        self.0.ask(what, ENGINE_DEADLINE, |docker| async move {
            let chunks = futures_util::stream::try_unfold(file, async |mut file| {
                let mut chunk = Vec::with_capacity(CHUNK);
                let length = file.read_buf(&mut chunk).await?;
                Ok::<_, std::io::Error>((length > 0).then(|| (Bytes::from(chunk), file)))
            });
            docker
                .create_image(Some(options), Some(body_try_stream(chunks)), None)
                .try_for_each(async |_| Ok(()))
                .await
        })?;
        Ok(())
    }

    /// Runs a program in a container without network and rights, and removes the container. A file
    /// of this machine may be mounted, read-only.
    pub(super) fn run(
        &self,
        image: &str,
        argv: &[&str],
        env: &[(&str, &str)],
        mounted: Option<(&Path, &str)>,
        labels: HashMap<String, String>,
    ) -> Result<Said, EngineError> {
        let owned = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            entrypoint: owned(argv),
            cmd: owned(&[]),
            user: Some(USER.to_owned()),
            env: Some(
                env.iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect(),
            ),
            labels: Some(labels),
            host_config: Some(HostConfig {
                network_mode: Some("none".to_owned()),
                mounts: mounted.map(|(from, to)| {
                    vec![Mount {
                        typ: Some(MountType::BIND),
                        source: Some(from.to_string_lossy().into_owned()),
                        target: Some(to.to_owned()),
                        read_only: Some(true),
                        ..Mount::default()
                    }]
                }),
                readonly_rootfs: Some(true),
                cap_drop: owned(&["ALL"]),
                security_opt: owned(&["no-new-privileges"]),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        self.0
            .ask("run a program", ENGINE_DEADLINE, |docker| async move {
                let id = docker.create_container(None, body).await?.id;
                let said = said(&docker, &id).await;
                let removed = docker.remove_container(&id, Some(with_force())).await;
                let said = said?;
                removed?;
                Ok::<_, Error>(said)
            })
    }

    /// Removes an image and the layers without a name that only it stood on. False where something
    /// still uses it.
    pub(super) fn remove_image(&self, reference: &str) -> Result<bool, EngineError> {
        let reference = reference.to_owned();
        self.0.ask("remove an image", WORK, |docker| async move {
            let options = None::<RemoveImageOptions>;
            match docker.remove_image(&reference, options, None).await {
                Err(error) if status(&error) == Some(409) => Ok(false),
                other => there(other).map(|_| true),
            }
        })
    }

    /// The containers with this label, running or not.
    pub(super) fn containers(&self, label: &str) -> Result<Vec<ContainerSummary>, EngineError> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(by_label(label)),
            ..ListContainersOptions::default()
        };
        self.0
            .ask("list its containers", WORK, |docker| async move {
                docker.list_containers(Some(options)).await
            })
    }

    /// Kills and removes a container with its own volumes.
    pub(super) fn remove_container(&self, id: &str) -> Result<(), EngineError> {
        let id = id.to_owned();
        let removed = self.0.ask("remove a container", WORK, |docker| async move {
            there(docker.remove_container(&id, Some(with_force())).await)
        });
        removed.map(drop)
    }

    /// Names of the volumes with this label.
    pub(super) fn volumes(&self, label: &str) -> Result<Vec<String>, EngineError> {
        let options = ListVolumesOptions {
            filters: Some(by_label(label)),
        };
        let found = self.0.ask("list its volumes", WORK, |docker| async move {
            docker.list_volumes(Some(options)).await
        })?;
        let volumes = found.volumes.unwrap_or_default().into_iter();
        Ok(volumes.map(|volume| volume.name).collect())
    }

    /// Removes a volume.
    pub(super) fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let name = name.to_owned();
        let removed = self.0.ask("remove a volume", WORK, |docker| async move {
            there(
                docker
                    .remove_volume(&name, None::<RemoveVolumeOptions>)
                    .await,
            )
        });
        removed.map(drop)
    }
}

/// Starts a container, waits for its end and reads what it wrote.
async fn said(docker: &Docker, id: &str) -> Result<Said, Error> {
    use bollard::container::LogOutput;

    docker.start_container(id, None).await?;
    let ended = docker
        .wait_container(id, None)
        .try_collect::<Vec<_>>()
        .await;
    let status = match ended {
        Ok(ended) => ended.last().map_or(0, |end| end.status_code),
        Err(Error::DockerContainerWaitError { code, .. }) => code,
        Err(error) => return Err(error),
    };
    let options = LogsOptions {
        stdout: true,
        stderr: true,
        ..LogsOptions::default()
    };
    let mut logs = docker.logs(id, Some(options));
    let (mut output, mut errors) = (String::new(), String::new());
    while let Some(part) = logs.try_next().await? {
        let text = match part {
            LogOutput::StdErr { .. } => &mut errors,
            _ => &mut output,
        };
        text.push_str(&String::from_utf8_lossy(&part.into_bytes()));
    }
    Ok(Said {
        status,
        output,
        errors,
    })
}

/// Bytes of a file that are sent at once.
const CHUNK: usize = 1 << 18;

fn by_label(label: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![label.to_owned()])])
}

fn with_force() -> RemoveContainerOptions {
    RemoveContainerOptions {
        force: true,
        v: true,
        ..RemoveContainerOptions::default()
    }
}

/// `None` for what is not there, and what somebody else has removed.
fn there<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}
