using Attune.Evaluation;
using Attune.Models;
using Attune.Runs;
using Attune.Text;

namespace Attune.Tests.Evaluation;

public sealed class ReadInputsTests : IDisposable
{
    private readonly TinyEvaluation _tiny = new();

    public ReadInputsTests() => Save(_tiny.Policy);

    public void Dispose() => _tiny.Dispose();

    private EvaluationInput Input => _tiny.Input with
    {
        Models = [new("policy") { Folder = _tiny.PathOf("model") }, _tiny.Input.Models[1]],
        Prompts = [.. _tiny.Input.Prompts.Take(4)],
        Reward = null,
        Checkpoints = [],
        Judges = [_tiny.Input.Judges[1]],
    };

    private void Save(CausalLm model) => new TextModel(model, TinyEvaluation.Tokenizer).Save(_tiny.PathOf("model"));

    private void Evaluate(EvaluationInput input) => Evaluating.Run(input, new() { Folder = _tiny.PathOf("out"), Resume = true });

    /// <summary>As an evaluation that was killed before its last file.</summary>
    private void Begin()
    {
        Evaluate(Input);
        File.Delete(_tiny.PathOf("out/report.json"));
    }

    [Fact]
    public void An_evaluation_does_not_go_on_with_other_prompts_or_weights_and_names_them()
    {
        Begin();
        Save(_tiny.Checkpoint); // the same shape, other weights

        var problem = Assert.Throws<InputException>(() => Evaluate(Input with { Prompts = [.. Input.Prompts.Select(prompt => prompt + " not")] }));

        Assert.Equal(["model policy", "prompts"], problem.Problems.Select(p => p.Key));
        Assert.Matches(@"^is [0-9a-f]{12}, expected [0-9a-f]{12}, as when the evaluation began; put back what was there, or begin anew with --force$", problem.Problems[0].Message);
        Assert.False(File.Exists(_tiny.PathOf("out/report.json")));
    }

    [Fact]
    public void Nor_with_other_examples_or_another_template()
    {
        Begin();

        Assert.Contains("prompts", Assert.Throws<InputException>(() => Evaluate(Input with { FewShot = new([new PromptResponse("a film", " is bad")], FewShot.UsualTemplate) })).Message);
        Assert.Contains("prompts", Assert.Throws<InputException>(() => Evaluate(Input with { Template = "so {prompt}" })).Message);
    }

    [Fact]
    public void It_goes_on_where_only_what_is_written_about_a_model_is_new()
    {
        Begin();
        var expected = File.ReadAllText(_tiny.PathOf("out/report.html"));
        File.WriteAllText(_tiny.PathOf("model/README.md"), "A model.");
        File.Delete(_tiny.PathOf("out/report.html"));

        Evaluate(Input);

        Assert.Equal(expected, File.ReadAllText(_tiny.PathOf("out/report.html")));
    }
}
