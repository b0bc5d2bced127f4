using System.Threading.Channels;
using Attune.Models;
using Attune.Rollouts;
using Attune.Torch;

namespace Attune.Web.Serving;

/// <summary>A part of an answer: text that is whole, the tokens since the last part, and at its end why it ends.</summary>
/// <param name="Index">The answer's place among those of its request.</param>
/// <param name="Text">What can be shown.</param>
/// <param name="Tokens">The tokens since the last part, those without text included.</param>
/// <param name="Finish">"stop" or "length" with the last part.</param>
internal sealed record AnswerPart(int Index, string Text, IReadOnlyList<ScoredToken> Tokens, string? Finish);

/// <summary>One answer on its way: decoded on the model's thread, read by the request that wants it.</summary>
internal sealed class Answer
{
    private readonly ServedModel _model;
    private readonly ChannelWriter<AnswerPart> _parts;
    private readonly AnswerText _text;
    private readonly Decoding _decoding;
    private readonly List<ScoredToken> _since = [];
    private readonly int _index;

    /// <summary>Has it decoded.</summary>
    /// <param name="index">Its place among the request's answers.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="model">Who decodes.</param>
    /// <param name="parts">Where its parts go; an exception completes it where the model gives none.</param>
    public Answer(int index, GenerationRequest request, ServedModel model, ChannelWriter<AnswerPart> parts)
    {
        (_index, _model, _parts, _text) = (index, model, parts, new(model.Tokenizer, request.Stops));
        _decoding = new(new SampleRequest(request.Prompts[index / request.Choices], index), new Seed(unchecked((ulong)request.Seed)), request.Sampling)
        {
            TopLogProbs = request.TopLogProbs ?? 0,
            Drawn = Add,
            Failed = e => _parts.TryComplete(e),
        };
        model.Submit(_decoding);
    }

    /// <summary>Gives it up: its place is free at the next token.</summary>
    public void Cancel() => _model.End(_decoding);

    private void Add(DrawnToken drawn)
    {
        // An end token ends the answer and is no part of its text.
        var text = drawn.Finish == FinishReason.EndToken ? "" : _text.Add(drawn.Token);
        _since.Add(new(drawn.Token, drawn.LogProb, drawn.Top));
        var isOver = _text.HasStopped || drawn.Finish is not null;
        if (isOver)
            text += _text.Finish();
        if (text.Length == 0 && !isOver)
            return;
        var finish = !isOver ? null : _text.HasStopped || drawn.Finish == FinishReason.EndToken ? "stop" : "length";
        _parts.TryWrite(new(_index, text, [.. _since], finish));
        _since.Clear();
        if (isOver)
            Cancel();
    }
}
