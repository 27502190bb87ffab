//! What one installation, and one provider, can take from the others.

use std::time::Duration;

use futures_util::future::join_all;
use proptest::prelude::*;

use super::*;

fn owner(installation: &str) -> Owner {
    Owner::new("ANDES", installation)
}

/// Takes as many places as there are at once.
async fn take_all(places: &FairPlaces, owner: &Owner) -> Vec<Place> {
    let mut taken = Vec::new();
    while let Ok(place) = places.acquire(owner, Instant::now()).await {
        taken.push(place);
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_next_finds_a_place() {
    let places = FairPlaces::new(64, 64);
    let mut held = Vec::new();
    for number in 0..17 {
        held.push(take_all(&places, &owner(&number.to_string())).await);
    }
    let numbers: Vec<usize> = held.iter().map(Vec::len).collect();
    assert_eq!(numbers, [19, 13, 8, 6, 4, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    drop(held);
    assert_eq!((places.in_use().running, places.in_use().waiting), (0, 0));
    assert!(places.lock().providers.is_empty());
}

#[tokio::test(start_paused = true)]
async fn provider_leaves_places_to_another_one() {
    let places = FairPlaces::new(64, 64);
    let other = take_all(&places, &Owner::new("STONE", "a")).await;
    assert_eq!(other.len(), 19);
    let mut held = Vec::new();
    for number in 0..100 {
        held.extend(take_all(&places, &owner(&number.to_string())).await);
    }
    // One that holds nothing finds one of those that are kept, until there is none.
    assert_eq!((other.len(), held.len()), (19, 37));
    assert_eq!(take_all(&places, &Owner::new("STONE", "b")).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_holds_the_fewest_is_served_first() {
    let places = FairPlaces::new(2, 8);
    let until = Instant::now() + Duration::from_secs(1);
    let held = places.acquire(&owner("a"), until).await.unwrap();
    let served = Mutex::new(Vec::new());
    let serve = async |name: &str| {
        let place = places.acquire(&owner(name), until).await.unwrap();
        served.lock().unwrap().push(name.to_owned());
        drop(place);
    };
    // Two of the first one wait before one of another.
    let all = async { tokio::join!(serve("a"), serve("a"), serve("b")) };
    let release = async {
        tokio::task::yield_now().await;
        drop(held);
    };
    tokio::join!(all, release);
    assert_eq!(*served.lock().unwrap(), ["b", "a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn queue_is_bounded_and_shared() {
    let places = FairPlaces::new(1, 8);
    let until = Instant::now() + Duration::from_secs(1);
    let _held = places.acquire(&owner("x"), until).await.unwrap();
    let wait = |name: &'static str, number: usize| {
        let (places, owner) = (places.clone(), owner(name));
        async move {
            let acquire = (0..number).map(|_| places.acquire(&owner, until));
            let answers = join_all(acquire).await;
            answers.iter().filter(|no| no.as_ref().err() == Some(&NoPlace::QueueFull)).count()
        }
    };
    let (a, b) = tokio::join!(wait("a", 100), wait("b", 100));
    assert_eq!((a, b), (96, 98));
    assert_eq!((places.in_use().running, places.in_use().waiting), (1, 0));
}

proptest! {
    /// However they come and go, no place is lost, and none is given twice.
    #[test]
    fn no_place_is_lost(steps in prop::collection::vec((0_u8..4, 0_u8..3), 1..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let places = FairPlaces::new(3, 16);
            let (mut held, mut waiting) = (Vec::new(), Vec::new());
            let far = Instant::now() + Duration::from_hours(1);
            for (owner_number, step) in steps {
                let owner = owner(&owner_number.to_string());
                let places = places.clone();
                match step {
                    0 => waiting.push(tokio::spawn(async move { places.acquire(&owner, far).await })),
                    1 if !held.is_empty() => { held.remove(0); }
                    2 if !waiting.is_empty() => { waiting.remove(0).abort(); }
                    _ => {}
                }
                tokio::task::yield_now().await;
                let (done, still): (Vec<_>, Vec<_>) = waiting.into_iter().partition(tokio::task::JoinHandle::is_finished);
                waiting = still;
                for task in done {
                    held.extend(task.await.unwrap().ok());
                }
            }
            for task in waiting {
                task.abort();
                let _ = task.await.map(|place| held.extend(place.ok()));
            }
            assert!(held.len() <= 3);
            drop(held);
            assert_eq!((places.in_use().running, places.in_use().waiting), (0, 0));
            assert!(places.lock().providers.is_empty());
        });
    }
}

#[tokio::test(start_paused = true)]
async fn place_passes_to_another_owner_who_may_have_one() {
    let places = FairPlaces::new(8, 8);
    let (nobody, a, b) = (Owner::default(), owner("a"), owner("b"));
    let mut place = places.acquire(&nobody, Instant::now()).await.unwrap();
    assert!(place.pass_to(&a) && place.pass_to(&a));
    assert_eq!(places.in_use().running, 1);
    // It counts as this owner's: another one takes two of the seven that are free.
    let of_b = take_all(&places, &b).await;
    assert_eq!(of_b.len(), 2);
    let mut last = places.acquire(&nobody, Instant::now()).await.unwrap();
    // Who may have no more at once takes none over, and the place is still its owner's.
    assert!(!last.pass_to(&b) && !place.pass_to(&b));
    assert_eq!(places.in_use().running, 4);
    drop((place, last, of_b));
    assert_eq!(places.in_use().running, 0);
    assert!(places.lock().providers.is_empty());
}
