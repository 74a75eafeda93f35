-- What fresh launches proved is told in the list of tasks: it has to be found among a run's events.
CREATE INDEX event_confirmed ON event (task) WHERE type = 'winner_confirmed';
