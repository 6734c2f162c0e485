//! A rate with a burst and a daily quota, decided in one atomic step
