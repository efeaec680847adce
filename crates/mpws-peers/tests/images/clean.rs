//! Nothing grows, and nobody else's things go.

use bollard::Docker;
use bollard::models::{ContainerCreateBody, VolumeCreateRequest};
use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions, TagImageOptions};
use mpws_peers::image::{ImageError, labels};

use crate::support::{names, peer, usual};

/// Ids of all images and layers of the engine in whose history a word stands, whatever their
/// labels.
async fn with_history(docker: &Docker, word: &str) -> Vec<String> {
    let options = ListImagesOptions {
        all: true,
        ..ListImagesOptions::default()
    };
    let mut found = Vec::new();
    for image in docker.list_images(Some(options)).await.unwrap() {
        // Other processes of this machine may remove theirs meanwhile.
        let history = docker.image_history(&image.id).await.unwrap_or_default();
        if history.iter().any(|step| step.created_by.contains(word)) {
            found.push(image.id);
        }
    }
    found
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

#[test]
fn builds_and_cleans_leave_no_image_layer_container_or_volume() {
    let Some(usual) = usual() else { return };
    let scope = "test-growth";
    let images = usual.scope(scope);
    let docker = Docker::connect_with_defaults().unwrap();
    let spec = peer("websockets-13.1-asyncio");
    for _ in 0..2 {
        images.build(&spec, &usual.base, &|_| {}).unwrap();
        assert!(!block_on(with_history(&docker, scope)).is_empty());
        let cleaned = images.clean().unwrap();
        assert_eq!(cleaned.images.len(), 1, "{cleaned:?}");
        assert_eq!(block_on(with_history(&docker, scope)), Vec::<String>::new());
    }
    let again = images.clean().unwrap();
    assert_eq!(again, mpws_peers::image::Cleaned::default());
}

#[test]
fn what_a_failed_build_leaves_goes_too() {
    let Some(usual) = usual() else { return };
    let scope = "test-failed";
    let images = usual.scope(scope);
    let mut spec = peer("websockets-13.1-asyncio");
    let mpws_peers::Program::Python(program) = &mut spec.program else {
        panic!("not a Python peer");
    };
    // It claims a version that its wheels are not, which the build finds out.
    let claimed = format!(
        "{}websockets==1.0 ; python_version < \"3\" --hash=sha256:{:064}\n",
        program.requirements.text, 0
    );
    program.requirements.text = claimed.into();
    spec.version = Some("1.0".to_owned());
    let error = images.build(&spec, &usual.base, &|_| {}).unwrap_err();
    let ImageError::Build { detail, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(detail.contains("not websockets 1.0"), "{detail}");
    let docker = Docker::connect_with_defaults().unwrap();
    assert!(!block_on(with_history(&docker, scope)).is_empty());
    images.clean().unwrap();
    assert_eq!(block_on(with_history(&docker, scope)), Vec::<String>::new());
}

#[test]
fn containers_and_volumes_of_ours_go_and_those_of_others_stay() {
    let Some(usual) = usual() else { return };
    let images = usual.scope("test-others");
    let spec = peer("websockets-13.1-asyncio");
    let built = images.build(&spec, &usual.base, &|_| {}).unwrap();
    let docker = Docker::connect_with_defaults().unwrap();
    let (theirs, foreign, ours, volume) = block_on(async {
        // A container inherits the labels of its image; this one's image is nobody's.
        let mine = TagImageOptions {
            repo: Some("mpws-test-foreign".to_owned()),
            tag: Some("1".to_owned()),
        };
        docker
            .tag_image(&built.reference, Some(mine))
            .await
            .unwrap();
        let container = |run: Option<&str>| ContainerCreateBody {
            image: Some(built.reference.clone()),
            labels: run.map(|run| [(labels::RUN.to_owned(), run.to_owned())].into()),
            ..ContainerCreateBody::default()
        };
        let theirs = container(None);
        let theirs = docker.create_container(None, theirs).await.unwrap().id;
        let ours = container(Some("test"));
        let ours = docker.create_container(None, ours).await.unwrap().id;
        let volume = |labelled: bool| {
            let scope = (labels::SCOPE.to_owned(), "test-others".to_owned());
            VolumeCreateRequest {
                labels: Some(labelled.then_some(scope).into_iter().collect()),
                ..VolumeCreateRequest::default()
            }
        };
        let foreign = docker.create_volume(volume(false)).await.unwrap().name;
        let volume = docker.create_volume(volume(true)).await.unwrap().name;
        (theirs, foreign, ours, volume)
    });
    let cleaned = images.clean().unwrap();
    let (container_stays, foreign_stays, image_stays) = block_on(async {
        let image = docker.inspect_image("mpws-test-foreign:1").await;
        let volume = docker.inspect_volume(&foreign).await;
        let container = docker.remove_container(&theirs, None).await;
        let _ = docker
            .remove_volume(
                &foreign,
                None::<bollard::query_parameters::RemoveVolumeOptions>,
            )
            .await;
        let _ = docker
            .remove_image("mpws-test-foreign:1", None::<RemoveImageOptions>, None)
            .await;
        (container.is_ok(), volume.is_ok(), image.is_ok())
    });
    assert!(
        container_stays && foreign_stays && image_stays,
        "{cleaned:?}"
    );
    assert_eq!(cleaned.containers, [ours]);
    assert_eq!(cleaned.volumes, [volume]);
    assert!(cleaned.images.contains(&built.reference), "{cleaned:?}");
    assert!(names(&images).is_empty());
}
