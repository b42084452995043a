//! What of a plan is to be rendered, in which order.

use std::sync::Arc;

use crate::plan::Tasks;
use crate::quarantine::OutputRoot;
use crate::resume::numbered;
use crate::task::Task;

/// Tasks to be rendered. Made out of a plan's own, so that a million of them need not be held a second time.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    tasks: Arc<Tasks>,
    left: Vec<Left>,
    root: Option<OutputRoot>,
    run: String,
}

/// One of a plan's tasks that is to be rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Which.
    pub index: u32,
    /// The number behind the names of its files, where these are taken.
    pub number: Option<u32>,
}

impl Queue {
    /// These of a plan's tasks, in this order. `root` is the folder that all outputs lie in, whose quarantine they may use.
    pub fn new(tasks: Arc<Tasks>, left: Vec<Left>, root: OutputRoot) -> Queue {
        Queue { tasks, left, root: Some(root), run: String::new() }
    }

    /// Names the run that renders them: [`Task::run`].
    pub fn set_run(&mut self, run: &str) {
        run.clone_into(&mut self.run);
    }

    /// Which of the plan's tasks they are.
    pub fn left(&self) -> &[Left] {
        &self.left
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.left.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The task at a place of the queue, with the names of the files that it gets.
    ///
    /// # Panics
    ///
    /// Where there are not so many.
    pub fn get(&self, place: usize) -> Task {
        let Left { index, number } = self.left[place];
        let mut task = self.tasks.get(index as usize);
        if let Some(number) = number {
            numbered(&mut task, number);
        }
        task.run.clone_from(&self.run);
        if self.root.is_some() && task.checks.may_quarantine() {
            task.checks.output_root.clone_from(&self.root);
        }
        task
    }

    /// All of them, one at a time.
    pub fn iter(&self) -> impl Iterator<Item = Task> {
        (0..self.len()).map(|place| self.get(place))
    }
}

impl FromIterator<Task> for Queue {
    /// All of some tasks.
    fn from_iter<I: IntoIterator<Item = Task>>(tasks: I) -> Queue {
        let tasks: Tasks = tasks.into_iter().collect();
        let left = (0..tasks.len() as u32).map(|index| Left { index, number: None }).collect();
        Queue { tasks: Arc::new(tasks), left, root: None, run: String::new() }
    }
}
