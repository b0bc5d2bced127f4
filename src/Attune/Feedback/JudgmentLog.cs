using Attune.Runs;

namespace Attune.Feedback;

/// <summary>A last line that a killed writer left unfinished.</summary>
/// <param name="Number">Its line number, from 1.</param>
/// <param name="Offset">Where it starts, in bytes.</param>
/// <param name="Bytes">How much of it there is.</param>
public sealed record TornLine(int Number, long Offset, int Bytes);

/// <summary>What a log holds.</summary>
/// <param name="Judgments">In the order they were given.</param>
/// <param name="Torn">The unfinished last line, which is not among them; usually null.</param>
public sealed record JudgmentLogContents(IReadOnlyList<Judgment> Judgments, TornLine? Torn);

/// <summary>
/// The append-only file of judgments (<c>judgments.jsonl</c>): one line each, on the disk before <see cref="Append(Judgment)"/> returns, never changed.
/// A judgment sent twice is kept once. Not here: deletion, and a second writer at the same time (the file is locked against one).
/// </summary>
public sealed class JudgmentLog : IDisposable
{
    private readonly string _path;
    private readonly FileStream _file, _writerLock;
    private readonly List<Judgment> _judgments;
    private readonly Dictionary<string, Judgment> _byId;
    private readonly Lock _gate = new();

    private JudgmentLog(string path, FileStream file, FileStream writerLock, JudgmentLogContents contents)
    {
        _path = path;
        (_file, _writerLock) = (file, writerLock);
        _judgments = contents.Judgments.ToList();
        _byId = _judgments.ToDictionary(judgment => judgment.Id, StringComparer.Ordinal);
        Repaired = contents.Torn;
    }

    /// <summary>The unfinished last line that was cut off when the log was opened, or null.</summary>
    public TornLine? Repaired { get; }

    /// <summary>The judgments so far, in the order they were given.</summary>
    public IReadOnlyList<Judgment> Judgments
    {
        get
        {
            lock (_gate)
                return _judgments.ToArray();
        }
    }

    /// <summary>Opens a log to append to, making the file if there is none and cutting off an unfinished last line.</summary>
    /// <exception cref="InputException">It has bad lines, cannot be opened, or another writer has it open.</exception>
    public static JudgmentLog Open(string path)
    {
        FileStream? file = null, writerLock = null;
        try
        {
            // A file of its own is locked against other writers: a lock on the log itself would keep readers out as well. It stays there, since
            // the lock and not the file's presence says that someone writes; a killed writer's lock is gone with it.
            writerLock = new(path + ".lock", FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, bufferSize: 0);
            file = new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0); // unbuffered: an append is one write
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            writerLock?.Dispose();
            throw InputException.One(path, $"does not open ({error.Message})", "a file to append to", "check the folder, its rights, and that no other program writes it");
        }
        try
        {
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            var contents = Contents(path, bytes);
            if (contents.Torn is { } torn)
                file.SetLength(torn.Offset);
            else if (bytes.Length > 0 && bytes[^1] != '\n')
                file.Write("\n"u8); // the last line was whole, only its end was missing
            file.Flush(flushToDisk: true);
            file.Position = file.Length;
            return new(path, file, writerLock, contents);
        }
        catch
        {
            file.Dispose();
            writerLock.Dispose();
            throw;
        }
    }

    /// <summary>Reads a log without changing it.</summary>
    /// <exception cref="InputException">It is missing or has bad lines, other than an unfinished last one.</exception>
    public static JudgmentLogContents Read(string path) => Contents(path, FeedbackFile.Bytes(path));

    /// <summary>
    /// The judgments that count: a later one by the same annotator on the same comparison is a correction and takes the place of the earlier;
    /// what was withdrawn counts no more. They stay in the order of the log.
    /// </summary>
    /// <param name="log">Judgments in the order they were given.</param>
    /// <param name="perView">For judges who vote once in each order shown: then only a later judgment in the same order is a correction.</param>
    public static IReadOnlyList<Judgment> InForce(IEnumerable<Judgment> log, bool perView = false) => log.Reverse()
        .DistinctBy(judgment => (judgment.ComparisonId, judgment.AnnotatorId, perView ? string.Join(',', judgment.Order) : ""))
        .Where(judgment => judgment.Outcome != Outcome.Withdrawn)
        .Reverse().ToArray();

    /// <summary>Adds a judgment, unless it is already there.</summary>
    /// <returns>Whether it was added.</returns>
    /// <exception cref="InvalidOperationException">Another judgment has its id.</exception>
    public bool Append(Judgment judgment) => Append([judgment]) == 1;

    /// <summary>Adds those judgments that are not there yet, with one flush for all.</summary>
    /// <returns>How many were added.</returns>
    /// <exception cref="ArgumentException">A judgment contradicts itself; nothing is added.</exception>
    /// <exception cref="InvalidOperationException">Another judgment has the id of one of them; nothing is added.</exception>
    /// <exception cref="RunFailedException">The disk is full or gone; nothing is added.</exception>
    public int Append(IReadOnlyList<Judgment> judgments)
    {
        ArgumentNullException.ThrowIfNull(judgments);
        lock (_gate)
        {
            var fresh = new Dictionary<string, Judgment>(StringComparer.Ordinal);
            using var text = new MemoryStream();
            foreach (var judgment in judgments)
            {
                if (judgment.Fault() is { } fault)
                    throw new ArgumentException($"Judgment {judgment.Id} {fault}.", nameof(judgments));
                var line = FeedbackFile.Line(judgment, FeedbackFile.Lines.Judgment);
                if ((_byId.GetValueOrDefault(judgment.Id) ?? fresh.GetValueOrDefault(judgment.Id)) is { } earlier)
                {
                    if (!line.SequenceEqual(FeedbackFile.Line(earlier, FeedbackFile.Lines.Judgment)))
                        throw new InvalidOperationException($"{_path} already has a different judgment {judgment.Id}, expected a new id; a changed mind is a new judgment.");
                    continue;
                }
                fresh.Add(judgment.Id, judgment);
                text.Write(line);
            }
            Write(text.ToArray());
            foreach (var judgment in fresh.Values) // insertion order: nothing was removed from it
            {
                _judgments.Add(judgment);
                _byId.Add(judgment.Id, judgment);
            }
            return fresh.Count;
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _file.Dispose();
        _writerLock.Dispose();
    }

    private void Write(byte[] text)
    {
        if (text.Length == 0)
            return;
        var before = _file.Position;
        try
        {
            _file.Write(text);
            _file.Flush(flushToDisk: true);
        }
        catch (IOException error)
        {
            _file.SetLength(before);
            _file.Position = before;
            throw WriteFailure.WhileRunning(_path, error);
        }
    }

    private static JudgmentLogContents Contents(string path, byte[] bytes)
    {
        var seen = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var lines = FeedbackFile.Parse(bytes, FeedbackFile.Lines.Judgment, judgment =>
        {
            if (judgment.Fault() is { } fault)
                return fault;
            var line = FeedbackFile.Line(judgment, FeedbackFile.Lines.Judgment);
            return seen.TryAdd(judgment.Id, line) || seen[judgment.Id].AsSpan().SequenceEqual(line) ? null
                : $"has the id {judgment.Id} of another judgment above, expected each id once";
        });
        // What is whole but wrong was not cut off by a killed writer; it is for a person to correct.
        var torn = lines.Count > 0 && lines[^1] is { Ended: false, Fault: not null } last && !FeedbackFile.IsJson(bytes.AsSpan((int)last.Offset)) ? last : null;
        if (torn is not null)
            lines.RemoveAt(lines.Count - 1);
        FeedbackFile.ThrowIfAny(path, lines);
        return new(
            lines.Select(line => line.Record!).DistinctBy(judgment => judgment.Id).ToList(),
            torn is null ? null : new(torn.Number, torn.Offset, bytes.Length - (int)torn.Offset));
    }
}
