//! The container engine: what of it images need.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

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
use tokio::runtime::Runtime;

use super::ImageError;

/// How long the engine may take to answer one request.
pub const ENGINE_DEADLINE: Duration = Duration::from_secs(600);

/// Oldest version of the engine's interface, that of Docker 20.10.
const OLDEST_API: (usize, usize) = (1, 41);

#[derive(Debug)]
pub(super) struct Engine {
    docker: Docker,
    runtime: Runtime,
}

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

impl Engine {
    pub(super) fn connect() -> Result<Self, ImageError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ImageError::Context)?;
        let docker = runtime.block_on(async {
            let mut docker = Docker::connect_with_defaults().map_err(ImageError::no_engine)?;
            docker.set_timeout(ENGINE_DEADLINE);
            docker
                .negotiate_version()
                .await
                .map_err(ImageError::no_engine)
        })?;
        let version = docker.client_version();
        let version = (version.major_version, version.minor_version);
        if version < OLDEST_API {
            return Err(ImageError::OldEngine {
                found: version,
                oldest: OLDEST_API,
            });
        }
        Ok(Self { docker, runtime })
    }

    /// The image of this name or id.
    pub(super) fn image(&self, reference: &str) -> Result<Option<Image>, ImageError> {
        let found = self.runtime.block_on(self.docker.inspect_image(reference));
        match found {
            Ok(found) => Ok(Some(Image {
                id: found.id.unwrap_or_default(),
                size: found.size,
                labels: found
                    .config
                    .and_then(|config| config.labels)
                    .unwrap_or_default(),
            })),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// All images with this label, those without a name too; layers that other images stand on only with `all`.
    pub(super) fn images(&self, label: &str, all: bool) -> Result<Vec<ImageSummary>, ImageError> {
        let options = ListImagesOptions {
            all,
            filters: Some(by_label(label)),
            ..ListImagesOptions::default()
        };
        Ok(self
            .runtime
            .block_on(self.docker.list_images(Some(options)))?)
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
        let mut log = String::new();
        let built = self.runtime.block_on(async {
            let mut lines = self
                .docker
                .build_image(options, None, Some(body_full(context)));
            while let Some(line) = lines.try_next().await? {
                let BuildInfo { stream, .. } = line;
                log.push_str(&stream.unwrap_or_default());
            }
            Ok(())
        });
        built.map_err(|error: bollard::errors::Error| ImageError::of_build(error, &log))
    }

    /// Makes an image of a root file system in a tar file.
    pub(super) fn import(
        &self,
        file: &Path,
        repository: &str,
        tag: &str,
        labels: &[(&str, &str)],
    ) -> Result<(), ImageError> {
        let changes = vec![format!(
            "LABEL {}",
            super::context::written(labels).join(" ")
        )];
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(repository.to_owned()),
            tag: Some(tag.to_owned()),
            changes,
            ..CreateImageOptions::default()
        };
        self.runtime.block_on(async {
            let file = tokio::fs::File::open(file)
                .await
                .map_err(ImageError::Context)?;
            let chunks = futures_util::stream::try_unfold(file, async |mut file| {
                let mut chunk = Vec::with_capacity(CHUNK);
                let length = file.read_buf(&mut chunk).await?;
                Ok::<_, std::io::Error>((length > 0).then(|| (Bytes::from(chunk), file)))
            });
            self.docker
                .create_image(Some(options), Some(body_try_stream(chunks)), None)
                .try_for_each(async |_| Ok(()))
                .await?;
            Ok(())
        })
    }

    /// Runs a program in a container without network and rights, and removes the container. A file of this machine may be
    /// mounted, read-only.
    pub(super) fn run(
        &self,
        image: &str,
        argv: &[&str],
        env: &[(&str, &str)],
        mounted: Option<(&Path, &str)>,
        labels: HashMap<String, String>,
    ) -> Result<Said, ImageError> {
        let owned = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            entrypoint: owned(argv),
            cmd: owned(&[]),
            user: Some(super::USER.to_owned()),
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
        self.runtime.block_on(async {
            let id = self.docker.create_container(None, body).await?.id;
            let said = self.said(&id).await;
            let options = RemoveContainerOptions {
                force: true,
                v: true,
                ..RemoveContainerOptions::default()
            };
            let removed = self.docker.remove_container(&id, Some(options)).await;
            let said = said?;
            removed?;
            Ok(said)
        })
    }

    async fn said(&self, id: &str) -> Result<Said, bollard::errors::Error> {
        use bollard::container::LogOutput;
        use bollard::errors::Error::DockerContainerWaitError;

        self.docker.start_container(id, None).await?;
        let ended = self
            .docker
            .wait_container(id, None)
            .try_collect::<Vec<_>>()
            .await;
        let status = match ended {
            Ok(ended) => ended.last().map_or(0, |end| end.status_code),
            Err(DockerContainerWaitError { code, .. }) => code,
            Err(error) => return Err(error),
        };
        let options = LogsOptions {
            stdout: true,
            stderr: true,
            ..LogsOptions::default()
        };
        let mut logs = self.docker.logs(id, Some(options));
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

    /// Removes an image and the layers without a name that only it stood on. False where something still uses it.
    pub(super) fn remove_image(&self, reference: &str) -> Result<bool, ImageError> {
        let removed = self.runtime.block_on(self.docker.remove_image(
            reference,
            None::<RemoveImageOptions>,
            None,
        ));
        match removed.as_ref().map_err(status) {
            Ok(_) | Err(Some(404)) => Ok(true),
            Err(Some(409)) => Ok(false),
            Err(_) => Err(removed
                .map(drop)
                .err()
                .map_or(ImageError::Unknown, Into::into)),
        }
    }

    /// The containers with this label, running or not.
    pub(super) fn containers(&self, label: &str) -> Result<Vec<ContainerSummary>, ImageError> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(by_label(label)),
            ..ListContainersOptions::default()
        };
        Ok(self
            .runtime
            .block_on(self.docker.list_containers(Some(options)))?)
    }

    /// Kills and removes a container with its own volumes.
    pub(super) fn remove_container(&self, id: &str) -> Result<(), ImageError> {
        let options = RemoveContainerOptions {
            force: true,
            v: true,
            ..RemoveContainerOptions::default()
        };
        gone(
            self.runtime
                .block_on(self.docker.remove_container(id, Some(options))),
        )
    }

    /// Names of the volumes with this label.
    pub(super) fn volumes(&self, label: &str) -> Result<Vec<String>, ImageError> {
        let options = ListVolumesOptions {
            filters: Some(by_label(label)),
        };
        let found = self
            .runtime
            .block_on(self.docker.list_volumes(Some(options)))?;
        Ok(found
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(|volume| volume.name)
            .collect())
    }

    /// Removes a volume.
    pub(super) fn remove_volume(&self, name: &str) -> Result<(), ImageError> {
        gone(
            self.runtime
                .block_on(self.docker.remove_volume(name, None::<RemoveVolumeOptions>)),
        )
    }
}

/// Bytes of a file that are sent at once.
const CHUNK: usize = 1 << 18;

fn by_label(label: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![label.to_owned()])])
}

/// What somebody else has removed is gone as well.
fn gone(removed: Result<(), bollard::errors::Error>) -> Result<(), ImageError> {
    match removed {
        Err(error) if status(&error) != Some(404) => Err(error.into()),
        _ => Ok(()),
    }
}

pub(super) fn status(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}
