/**
 * The shapes the api speaks (docs at /docs), as far as the studio reads them.
 *
 * @typedef {"open"|"building"|"built"|"failed"} DatasetState
 * @typedef {"queued"|"running"|"pausing"|"paused"|"cancelling"|"cancelled"|"succeeded"|"failed"} RunState
 *
 * @typedef {object} Dataset
 * @property {string} id
 * @property {string} name
 * @property {number} version
 * @property {string|null} parent_id  the version before
 * @property {DatasetState} state
 * @property {string} preset
 * @property {Record<string, unknown>} options
 * @property {string|null} digest
 * @property {number} files
 * @property {number} files_accepted
 * @property {number} files_refused
 * @property {number} files_done
 * @property {number} files_reused
 * @property {number} windows
 * @property {number} windows_held_out
 * @property {number} notes
 * @property {Record<string, string[]>} labels  the values of each label field
 * @property {{windows: number, files: number}|null} duplicates  what was left out; null where duplicates are kept
 * @property {Pace|null} progress  null unless it is building
 * @property {string|null} error
 * @property {string} created_at
 * @property {string|null} built_at
 *
 * @typedef {object} Statistics  What a dataset's windows hold; GET .../statistics says what each is.
 * @property {number} windows
 * @property {number} silent
 * @property {{windows_in_file: {from: number[], files: number[]}}} files
 * @property {number[]} note_frequency
 * @property {{lowest: number|null, highest: number|null, semitones: {mean: number|null, windows: number[]}}} pitch_range
 * @property {{mean: number|null, bar: number, windows: number[]}} density
 * @property {{mean: number|null, steps: number[]}} polyphony
 * @property {number[]} onset_positions
 * @property {{mean: number|null, bar: number, windows: number[]}} notes_in_window
 * @property {{mean: number|null, notes: number[]}} note_lengths
 * @property {{median: number|null, bar: number, windows: number[]}} tempo
 * @property {Record<string, number>} metres
 * @property {{mean: number|null, notes: number[]}|null} velocity
 * @property {Record<string, {values: Record<string, number>, unlabelled: number}>} labels
 *
 * @typedef {object} Pace
 * @property {number|null} windows_per_second
 * @property {number|null} eta_seconds
 *
 * @typedef {{id: string, name: string, version: number, state: DatasetState}} Version
 *
 * @typedef {object} DatasetFile  One line of a dataset's report.
 * @property {string} name
 * @property {string} sha256
 * @property {number} size
 * @property {Record<string, string>} labels
 * @property {boolean} held_out
 * @property {string|null} duplicate_of  the near-identical file that was kept instead
 * @property {null|"accepted"|"refused"} verdict
 * @property {number|null} windows
 * @property {number|null} notes
 * @property {Record<string, number>} left_out
 * @property {string[]} warnings
 * @property {string|null} code
 * @property {number|null} offset
 * @property {string|null} reason
 *
 * @typedef {object} Uploaded
 * @property {number} added
 * @property {number} unchanged
 * @property {number} replaced
 * @property {Skipped[]} skipped
 * @property {Version} dataset  the one that took them
 *
 * @typedef {{name: string, reason: string}} Skipped  A file that was not taken.
 *
 * @typedef {object} Labelled  What a table of labels came to.
 * @property {number} labelled
 * @property {string[]} fields
 * @property {string[]} unknown
 * @property {Version} dataset
 *
 * @typedef {object} Import  Files that a worker fetches.
 * @property {string} id
 * @property {string} dataset_id
 * @property {Record<string, any>} source
 * @property {"queued"|"running"|"succeeded"|"failed"} state
 * @property {number} bytes_done
 * @property {number|null} bytes_total
 * @property {number} files_added
 * @property {number} files_unchanged
 * @property {number} files_replaced
 * @property {number} files_skipped
 * @property {Skipped[]} skipped  the first of them
 * @property {string|null} error
 * @property {string} created_at
 * @property {string|null} finished_at
 *
 * @typedef {object} Recipe  A well-known set.
 * @property {string} name
 * @property {string} title
 * @property {string} about
 * @property {string} homepage
 * @property {number} size
 * @property {number} files
 * @property {string} licence
 * @property {string} licence_url
 * @property {string} attribution
 * @property {Record<string, unknown>} options  that suit it
 *
 * @typedef {object} Progress
 * @property {number|null} [fraction]  0..1
 * @property {number|null} [loss]
 * @property {number|null} [windows_per_second]
 * @property {number|null} [eta_seconds]
 *
 * @typedef {object} Run
 * @property {string} id
 * @property {string} dataset_id
 * @property {string} dataset_name
 * @property {string|null} dataset_digest
 * @property {string} family
 * @property {string} preset
 * @property {Record<string, unknown>} options
 * @property {number} seed
 * @property {string|null} model
 * @property {{run_id: string, step: number, digest: string}|null} from_checkpoint  whose weights it begins with
 * @property {"cpu"|"gpu"} device
 * @property {RunState} state
 * @property {number} attempt
 * @property {number} step
 * @property {number} epoch
 * @property {number|null} best_step  with the lowest held-out loss
 * @property {RunSetup|null} setup
 * @property {Progress|null} progress
 * @property {string|null} error
 * @property {string} created_at
 * @property {string|null} started_at
 * @property {string|null} finished_at
 *
 * @typedef {object} RunSetup
 * @property {string} device
 * @property {string} precision
 * @property {number} threads
 * @property {number} processes
 *
 * @typedef {object} MetricPoint
 * @property {number} step
 * @property {number} epoch
 * @property {number} attempt
 * @property {Record<string, number|null>} values
 *
 * @typedef {object} RunEvent
 * @property {number} id
 * @property {string} kind
 * @property {Record<string, any>} data
 * @property {string} created_at
 *
 * @typedef {object} Checkpoint
 * @property {number} step
 * @property {number} epoch
 * @property {number} attempt
 * @property {string} digest
 * @property {number} size
 * @property {string} generator_digest
 * @property {number} generator_size
 * @property {boolean} final
 * @property {boolean} best
 * @property {string} created_at
 *
 * @typedef {object} Attempt
 * @property {number} attempt
 * @property {string} worker
 * @property {number} first_step
 * @property {string|null} outcome
 * @property {string|null} log_tail
 * @property {string} started_at
 *
 * @typedef {object} Plot
 * @property {string} name
 * @property {string} kind
 * @property {number} step
 * @property {string} media_type
 * @property {number} size
 * @property {string} url
 *
 * @typedef {object} Drawing
 * @property {string} name
 * @property {string} kind
 * @property {string} media_type
 * @property {string} url
 *
 * @typedef {object} Evaluation
 * @property {string} id
 * @property {"queued"|"running"|"succeeded"|"failed"} state
 * @property {number} samples
 * @property {number} seed
 * @property {Record<string, any>|null} report
 * @property {string|null} error
 *
 * @typedef {object} Model
 * @property {string} name
 * @property {string} run_id
 * @property {string} checkpoint
 * @property {string} family
 * @property {string} preset
 * @property {string} dataset_id
 * @property {number} lowest_pitch
 * @property {number} step
 * @property {{field: string, values: string[]}|null} condition  the labels it was told, and can be asked for
 * @property {string} updated_at
 *
 * @typedef {object} Note  Times in steps, twelve to a quarter note.
 * @property {number} pitch
 * @property {number} start
 * @property {number} length
 *
 * @typedef {object} SampleWindow
 * @property {number} index
 * @property {Note[]} notes
 * @property {boolean} empty
 *
 * @typedef {object} SampleOptions
 * @property {number} tempo
 * @property {string|null} label
 * @property {number|null} temperature
 * @property {number} threshold
 * @property {number|null} drift  of a piece
 * @property {number|null} strength  of variations
 * @property {Record<string, number>|null} attributes  steps along directions
 *
 * @typedef {object} SampleSource
 * @property {string|null} name  of a file
 * @property {string|null} sample  id of an earlier one
 * @property {number} window  the first
 * @property {number} windows  how many
 * @property {Note[]} notes  of all of them as one music
 *
 * @typedef {object} Sample
 * @property {string} id
 * @property {string} model
 * @property {string} checkpoint
 * @property {string} family
 * @property {number|null} seed  null of a way between two
 * @property {number} n
 * @property {SampleOptions} options
 * @property {SampleSource|null} source  what it is like
 * @property {SampleWindow[]} windows
 *
 * @typedef {{name: string, more: string, unit: string, step: number}} Vector  A direction: a step is so much more.
 *
 * @typedef {object} MapPoint  A window of the data.
 * @property {number} x
 * @property {number} y
 * @property {string} file
 * @property {number|null} window
 * @property {string|null} label
 *
 * @typedef {object} LatentMap
 * @property {string} dataset
 * @property {string[]} axes
 * @property {string|null} field  of the labels
 * @property {number} of
 * @property {MapPoint[]} windows
 *
 * @typedef {object} Place  What a view is given: where to draw, and until when.
 * @property {HTMLElement} root
 * @property {string[]} params  parts of the address
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal  aborted when the view is left
 *
 * @typedef {(place: Place) => Promise<void>} View
 */

export {};
