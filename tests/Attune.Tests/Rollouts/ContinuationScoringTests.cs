using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;
using Attune.Torch;

namespace Attune.Tests.Rollouts;

public sealed class ContinuationScoringTests
{
    private static readonly string Folder = Repository.PathOf("models/base");

    [Fact]
    public void Scores_are_the_same_to_the_bit_side_by_side_and_alone()
    {
        using var model = CausalLm.Load(Folder, Compute.Cpu);
        var files = ModelDescription.Read(Folder, TokenizerUse.Needed);
        Continuation[] requests = [.. Enumerable.Range(1, 9).Select(k => new Continuation(string.Concat(Enumerable.Repeat("The film was long. ", k)), k % 2 == 0 ? " I liked it." : " No."))];
        var encoded = requests.Select(r => ContinuationScoring.Encode(r, files, "test")).ToArray();

        var alone = ContinuationScoring.Score(model, encoded, requests, atOnce: 1);
        var together = ContinuationScoring.Score(model, encoded, requests, atOnce: 4);

        Assert.Equal(alone, together);
        for (var k = 0; k < requests.Length; k++)
        {
            var expected = TokenScoring.LogProbs(model, [encoded[k].Ids], [encoded[k].Context])[0];
            Assert.Equal(expected.Sum(p => (double)p), alone[k].LogLikelihood, 1e-3);
            Assert.Equal(expected.Length, alone[k].Tokens);
            Assert.Equal(alone[k].LogLikelihood / (k % 2 == 1 ? 11 : 3), alone[k].PerCharacter, 1e-9); // "I liked it." and "No."
        }
    }

    [Fact]
    public void Blanks_at_the_end_of_a_context_belong_to_what_follows()
    {
        var files = ModelDescription.Read(Folder, TokenizerUse.Needed);
        var (ids, context) = ContinuationScoring.Encode(new("The film  ", "was good"), files, "test");
        Assert.Equal(files.Tokenizer!.Encode("The film").Length, context);
        Assert.Equal("  was good", files.Tokenizer.Decode(ids.AsSpan(context..)));
    }

    [Fact]
    public void The_likeliest_tokens_are_told_from_others()
    {
        using var model = CausalLm.Load(Folder, Compute.Cpu);
        var prompt = ModelDescription.Read(Folder, TokenizerUse.Needed).Tokenizer!.Encode("The film");
        var best = TokenScoring.Score(model, [[.. prompt, 0]], top: 1)[0][^1].Top[0].Token;
        Continuation[] requests = [new("", "a"), new("", "b")];

        var scores = ContinuationScoring.Score(model, [([.. prompt, best], prompt.Length), ([.. prompt, best == 5 ? 6 : 5], prompt.Length)], requests, atOnce: 1);

        Assert.Equal([true, false], scores.Select(s => s.IsGreedy));
    }

    [Fact]
    public void Contexts_longer_than_the_model_lose_their_beginning_and_longer_continuations_are_refused()
    {
        var files = ModelDescription.Read(Folder, TokenizerUse.Needed);
        var many = string.Concat(Enumerable.Repeat(" word", files.Config.MaximumPositions + 10));
        var (ids, context) = ContinuationScoring.Encode(new(many, " end"), files, "test");
        Assert.Equal(files.Config.MaximumPositions, ids.Length);
        Assert.InRange(ids.Length - context, 1, 4);
        Assert.Throws<InputException>(() => ContinuationScoring.Encode(new("a", many), files, "test"));
    }
}
