using Attune.Evaluation;
using Attune.Feedback;
using Attune.Models;
using Attune.Rewards;
using Attune.Tests.Models;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Tests.Evaluation;

/// <summary>An evaluation of models with random weights on a dozen prompts, judged by a crowd and by a function: seconds, not minutes.</summary>
internal sealed class TinyEvaluation : IDisposable
{
    public static readonly Tokenizer Tokenizer = BpeTrainer.Train(
        ["a film is good and the film is not bad . the story was slow , the end was good . we liked it , they did not ."],
        new() { VocabularySize = 280 });

    public static readonly Valence Words = Valence.Load(Repository.PathOf("data"));

    public static readonly TransformerConfig Config = TinyModel.Llama with { VocabularySize = Tokenizer.VocabularySize, MaximumPositions = 96 };

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("attune-evaluation-");

    public TinyEvaluation()
    {
        Policy = CausalLm.Create(Config, new Seed(1), Compute.Cpu);
        Reference = CausalLm.Create(Config, new Seed(2), Compute.Cpu);
        Untrained = CausalLm.Create(Config, new Seed(3), Compute.Cpu);
        Checkpoint = CausalLm.Create(Config, new Seed(4), Compute.Cpu);
    }

    public CausalLm Policy { get; }

    public CausalLm Reference { get; }

    public CausalLm Untrained { get; }

    public CausalLm Checkpoint { get; }

    /// <summary>A reward that a reader can redo: the share of spaces in the answer's text.</summary>
    public static FunctionReward ShareOfSpaces { get; } = FunctionReward.OfSequence(rollout => SpacesIn(Tokenizer.Decode(rollout.Response, skipSpecial: true)));

    public EvaluationInput Input => new()
    {
        Title = "Tiny",
        Models = [new("policy", "improved") { Model = Policy }, new("reference", "fine-tuned") { Model = Reference }],
        Reference = "reference",
        Base = new("base", "untrained") { Model = Untrained },
        FewShot = new([new PromptResponse("a film", " is good"), new PromptResponse("the end", " was bad")], FewShot.UsualTemplate),
        Tokenizer = Tokenizer,
        EndIds = [Tokenizer.EndId!.Value],
        Prompts = [.. Enumerable.Range(1, 12).Select(k => $"film {k} is")],
        Judges = [JudgePanel.OfCrowd(Crowd(), AnnotatorGroup.HeldOut), JudgePanel.OfFunction("spaces", (_, text) => SpacesIn(text))],
        Reward = ShareOfSpaces,
        Checkpoints = [new("step 5") { Model = Checkpoint }],
        Sampling = new() { MaximumNewTokens = 10 },
        Budget = new() { Prompts = 10, BestOf = [1, 2, 4], BestOfPrompts = 3, FrontierSamples = 2, SampleRows = 4 },
    };

    public static double SpacesIn(string text) => text.Length == 0 ? 0 : text.Count(c => c == ' ') / (double)text.Length;

    public string PathOf(string name) => Path.Combine(_folder.FullName, name);

    /// <summary>A folder's evaluation files by name.</summary>
    public static Dictionary<string, string> FilesOf(string folder) =>
        new[] { "answers.jsonl", "comparisons.jsonl", "judgments.jsonl", "report.json", "report.html" }.ToDictionary(name => name, name => File.ReadAllText(Path.Combine(folder, name)));

    public static SimulatedCrowd Crowd()
    {
        string[] phrases = ["good and fine", "a bad slow story", "great", "dull , weak and boring", "wonderful , moving", "the film was there", "it is the end"];
        var pairs = Enumerable.Range(0, 60).Select(k => Comparison.From(new($"p{k}", [Made(k), Made(k + 3 + k % 2)]), new Seed(5), k)).ToList();
        Answer Made(int k) => new()
        {
            Source = "sft",
            Text = $"{phrases[k % phrases.Length]} {phrases[k * 5 % phrases.Length]}",
            Features = new Dictionary<string, double> { [Answer.Fluency] = -3 - k % 5 * 0.3 },
        };
        var options = new CrowdOptions();
        return SimulatedCrowd.Calibrate(options, SimulatedCrowd.Recruit(options, new Seed(6)), pairs, Words, new Seed(6));
    }

    public void Dispose()
    {
        Policy.Dispose();
        Reference.Dispose();
        Untrained.Dispose();
        Checkpoint.Dispose();
        _folder.Delete(recursive: true);
    }
}
