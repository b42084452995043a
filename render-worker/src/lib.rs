//! One process that renders one task at a time and may die.
