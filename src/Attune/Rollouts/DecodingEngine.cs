using System.Collections.Concurrent;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>
/// Decodes many responses at once, each with settings of its own; they join and leave between any two tokens (continuous batching, Yu et al.
/// 2022, Orca). A draw takes one uniform number that depends on (seed, request, place) alone, so company never changes it. One thread steps;
/// any thread submits and cancels. Not here: who may ask, and for how much.
/// </summary>
public sealed class DecodingEngine : IDisposable
{
    /// <summary>Places, and pairs of places in one row, that one pass over several prompts covers at most: what bounds its memory.</summary>
    private const long MostPlaces = 1L << 15, MostPairs = 1L << 26;

    /// <summary>Where more wait than fit, rows join when this share of all is free: a pass over one prompt costs little less than over a few.</summary>
    private const double JoinShare = 1 / 8.0;

    private readonly CausalLm _model;
    private readonly DecodedRows _rows;
    private readonly ConcurrentQueue<Decoding> _waiting = new();
    private readonly List<Decoding> _active = []; // row k of the caches
    private readonly List<Decoding> _joining = []; // those whose prompts are being read in pieces
    private PromptReading? _reading;

    /// <summary>Creates an engine without rows; memory is taken as they come, and kept for the next.</summary>
    /// <param name="model">The model; its weights are read at each step.</param>
    /// <param name="contrast">Models to steer it by, if any.</param>
    public DecodingEngine(CausalLm model, Contrast? contrast = null) => (_model, _rows) = (model, new(model, contrast));

    /// <summary>Most rows that are decoded together; others wait, first come, first served.</summary>
    public int MaximumRows { get; init; } = Sampler.UsualBatch;

    /// <summary>
    /// Most places of prompts that are read between two tokens of the rows that are decoded: longer ones are read in pieces, so that nobody waits long for the next
    /// token. Where nothing is decoded, prompts are read whole. Changes no draw.
    /// </summary>
    public int PromptPlaces { get; init; } = int.MaxValue;

    /// <summary>Reads a value off the hidden state <c>[B,D] → [B]</c> that each token is drawn from.</summary>
    public Func<Tensor, Tensor>? ValueHead { get; init; }

    /// <summary>Responses in the making, those whose prompts are being read included.</summary>
    public int Active => _active.Count + _joining.Count;

    /// <summary>Responses that wait for a place.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>The columns that rows of so many tokens take where others join and leave.</summary>
    internal static long Columns(long tokens) => tokens + Math.Max(16, tokens / 4);

    /// <summary>Takes a response on. From any thread.</summary>
    /// <exception cref="ArgumentException">The prompt is empty, too long or of unknown tokens, or a setting makes no sense.</exception>
    public void Submit(Decoding decoding)
    {
        if (decoding.Options.Problems(vocabularySize: _model.Config.VocabularySize).FirstOrDefault() is { } problem)
            throw new ArgumentException($"{problem.Key} {problem.Message}", nameof(decoding));
        Check(decoding.Request, decoding.Options.MaximumNewTokens);
        _waiting.Enqueue(decoding);
    }

    /// <summary>Refuses a prompt that cannot be answered.</summary>
    /// <exception cref="ArgumentException">It is empty, too long or of unknown tokens.</exception>
    internal void Check(SampleRequest request, int newTokens)
    {
        if (request.Prompt.Length == 0)
            throw new ArgumentException($"request {request.Id} has an empty prompt, expected at least one token");
        var room = _rows.MaximumPositions - request.Prompt.Length;
        if (room < newTokens)
            throw new ArgumentException($"request {request.Id} has {request.Prompt.Length} prompt tokens and asks for {newTokens} more, but the model has {_rows.MaximumPositions} positions; shorten the prompt or ask for at most {Math.Max(0, room)}");
        if (Array.FindIndex(request.Prompt, t => t < 0 || t >= _model.Config.VocabularySize) is var bad and >= 0)
            throw new ArgumentException($"request {request.Id} has token {request.Prompt[bad]} at place {bad}, expected 0 to {_model.Config.VocabularySize - 1}");
    }

    /// <summary>Lets those that are over leave and others join, and draws the next token of every row.</summary>
    /// <returns>Whether there is anything left to do.</returns>
    /// <exception cref="RunFailedException">
    /// The weights give no probabilities, or bans leave no token, for a response that takes no failures; the engine is then good for nothing more.
    /// </exception>
    public bool Step(CancellationToken stop = default)
    {
        stop.ThrowIfCancellationRequested();
        using var numbers = Autograd.Inference();
        using var scope = TensorScope.Begin();
        LetLeave();
        for (var places = PromptPlaces; LetJoin(ref places);)
            stop.ThrowIfCancellationRequested();
        if (_active.Count > 0)
        {
            if (_rows.Length == _rows.Capacity)
                Shift(-_active.Min(row => row.Padding)); // a row without padding would be as long as it may become, and over
            Draw(0, _rows.Step(LastTokens()));
            LetLeave();
        }

        return Active > 0 || !_waiting.IsEmpty;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _reading?.Dispose();
        _rows.Dispose();
    }

    /// <summary>Reads prompts of the next, and lets those join that are read.</summary>
    /// <param name="places">How many may still be read before the next token of the others.</param>
    /// <returns>Whether more may follow at once.</returns>
    private bool LetJoin(ref int places)
    {
        if (_reading is not null)
            return ReadOn(_reading, ref places);
        var free = MaximumRows - _active.Count;
        if (free < Math.Min(_waiting.Count, Math.Max(1, (int)(MaximumRows * JoinShare))))
            return false;
        var joining = Next(free);
        if (joining.Count == 0)
            return false;
        int[][] prompts = [.. joining.Select(d => d.Request.Prompt)];
        if (_active.Count == 0)
        {
            MakeRoom(joining);
            Add(joining, _rows.Join(prompts));
            return true;
        }

        _joining.AddRange(joining);
        _reading = _rows.Begin(prompts);
        return ReadOn(_reading, ref places);
    }

    /// <summary>Reads the next piece of some prompts, or all that is left where no row would wait for it; after the last piece they join.</summary>
    private bool ReadOn(PromptReading reading, ref int places)
    {
        if (_joining.TrueForAll(decoding => decoding.IsCancelled))
        {
            EndReading();
            return true;
        }

        if (places <= 0)
            return false;
        var piece = _active.Count == 0 ? reading.Left : Math.Min(reading.Left, Math.Max(1, places / reading.Rows));
        places -= Math.Min(places, piece * reading.Rows);
        if (piece < reading.Left)
        {
            reading.Read(piece);
            return false;
        }

        MakeRoom(_joining);
        var next = _rows.Join(reading);
        Decoding[] joining = [.. _joining];
        EndReading();
        Add(joining, next);
        return true;
    }

    private void EndReading()
    {
        _reading!.Dispose();
        _reading = null;
        _joining.Clear();
    }

    /// <summary>Room for some rows beside those there are, at whose last column they can end.</summary>
    private void MakeRoom(List<Decoding> joining)
    {
        var longest = Math.Max(joining.Max(d => d.Longest), _active.Select(d => d.Longest).DefaultIfEmpty(0).Max());
        var isAlone = _active.Count == 0 && _waiting.IsEmpty;
        _rows.Reserve(Math.Min(MaximumRows, _active.Count + joining.Count + _waiting.Count), isAlone ? longest : (int)Columns(longest), MaximumRows);
        var width = joining.Max(d => d.Request.Prompt.Length);
        if (_active.Count > 0 && width > _rows.Length)
            Shift(width - _rows.Length);
    }

    /// <summary>Takes rows on that have joined, and draws their first tokens.</summary>
    private void Add(IReadOnlyList<Decoding> joining, NextToken next)
    {
        foreach (var decoding in joining)
            decoding.Padding = _rows.Length - decoding.Request.Prompt.Length;
        var first = _active.Count;
        _active.AddRange(joining);
        Draw(first, next);
        LetLeave();
    }

    /// <summary>The next that fit into one pass.</summary>
    private List<Decoding> Next(int free)
    {
        var (joining, width, distinct) = (new List<Decoding>(), 0, 0);
        while (joining.Count < free && _waiting.TryPeek(out var next))
        {
            if (!next.IsCancelled)
            {
                var prompt = next.Request.Prompt;
                width = Math.Max(width, prompt.Length);
                distinct += joining.Count > 0 && prompt.AsSpan().SequenceEqual(joining[^1].Request.Prompt) ? 0 : 1; // equal ones are read once
                if (joining.Count > 0 && (width * (long)distinct > MostPlaces || width * (long)width * distinct > MostPairs))
                    break;
                joining.Add(next);
            }

            _waiting.TryDequeue(out _);
        }

        return joining;
    }

    private void LetLeave()
    {
        var active = _active.Count;
        for (var k = active - 1; k >= 0; k--)
        {
            if (!_active[k].IsOver)
                continue;
            _active[k].TellFinished(hasValues: ValueHead is not null);
            active--;
            if (k < active)
            {
                _rows.MoveRow(active, k);
                _active[k] = _active[active];
            }
        }

        if (active == _active.Count)
            return;
        _active.RemoveRange(active, _active.Count - active);
        _rows.KeepRows(active);
        const int Few = 32;
        if (active > 0 && _active.Min(row => row.Padding) is var surplus && surplus >= Math.Max(Few, _rows.Length / 4))
            Shift(-surplus); // those that are left are short, and should not pay for the long one that was
    }

    private void Shift(int columns)
    {
        _rows.Shift(columns);
        foreach (var row in _active)
            row.Padding += columns;
    }

    private ModelInput LastTokens()
    {
        var span = _rows.Length + 1;
        var ids = new int[_active.Count];
        var positions = new int[_active.Count];
        var isPadded = false;
        for (var k = 0; k < ids.Length; k++)
        {
            ids[k] = _active[k].Tokens[^1];
            positions[k] = _active[k].Tokens.Length - 1;
            isPadded |= _active[k].Padding > 0;
        }

        Tensor? mask = null;
        if (isPadded)
        {
            var bias = new float[ids.Length * span];
            for (var k = 0; k < ids.Length; k++)
                bias.AsSpan(k * span, _active[k].Padding).Fill(float.NegativeInfinity);
            mask = Tensor.From(bias, ids.Length, 1, span).To(_model.Compute);
        }

        return ModelInput.Next(ids, positions, mask, _model.Compute);
    }

    /// <summary>Draws the next token of the rows from <paramref name="first"/> on.</summary>
    private void Draw(int first, NextToken next)
    {
        var rows = _active.GetRange(first, _active.Count - first);
        var values = ValueHead?.Invoke(next.Hidden).To(DType.Float32).To(Device.Cpu).ToArray<float>();
        var distributions = new NextTokenRows(next.Logits, rows);
        for (var k = 0; k < rows.Count; k++)
        {
            try
            {
                var drawn = distributions.Draw(k);
                rows[k].Add(drawn, values?[k] ?? 0, distributions.Top(k, rows[k].TopLogProbs));
            }
            catch (RunFailedException e)
            {
                rows[k].Fail(e);
            }
        }
    }
}
