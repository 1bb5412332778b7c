//! Notes of conversations.

use super::*;
use crate::domain::interview::{Interview, InterviewName, InterviewParent};

fn interview(name: &str, at: i64) -> Interview {
    Interview {
        name: name.parse().unwrap(),
        create_time: time(at),
        title: "A talk".into(),
        taken: Some(time(at)),
        text: "words\u{1F600}\n".repeat(5),
        change: Change { author: "ann".into(), reason: String::new() },
    }
}

pub async fn interviews_are_kept_with_whom_they_were_and_erased_with_the_lead(store: Arc<dyn Store>) {
    store.create_lead(lead("l", 1), None).await.unwrap();
    let parent = |text: &str| text.parse::<InterviewParent>().unwrap();
    let named = |text: &str| text.parse::<InterviewName>().unwrap();
    let window = |after, limit| Window { after, limit };
    for (id, at) in [("a", 2), ("b", 3), ("c", 4)] {
        store.create_interview(interview(&format!("leads/l/interviews/{id}"), at), None).await.unwrap();
    }
    let of_segment = interview("canvases/x/segments/y/interviews/a", 5);
    store.create_interview(of_segment.clone(), None).await.unwrap();
    let again = store.create_interview(interview("leads/l/interviews/a", 9), None).await;
    assert!(matches!(again, Err(StoreError::AlreadyExists(_))));
    let nobody = store.create_interview(interview("leads/nobody/interviews/a", 9), None).await;
    assert!(matches!(nobody, Err(StoreError::NotFound(_))));

    assert_eq!(
        store.interview(&named("leads/l/interviews/b")).await.unwrap(),
        interview("leads/l/interviews/b", 3)
    );
    let page = store.interviews(&parent("leads/l"), window(None, 2)).await.unwrap();
    assert_eq!(page.iter().map(|(_, of)| of.name.interview.as_str()).collect::<Vec<_>>(), ["c", "b"]);
    let rest = store.interviews(&parent("leads/l"), window(Some(page[1].0), 9)).await.unwrap();
    assert_eq!(rest.len(), 1);
    store.delete_interview(&named("leads/l/interviews/b"), None).await.unwrap();
    let gone = store.delete_interview(&named("leads/l/interviews/b"), None).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))));

    store.delete_lead(&name("l"), None, None).await.unwrap();
    assert!(store.interviews(&parent("leads/l"), window(None, 9)).await.unwrap().is_empty());
    let kept = store.interviews(&parent("canvases/x/segments/y"), window(None, 9)).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].1, of_segment);
}
