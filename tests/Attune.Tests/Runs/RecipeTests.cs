using Attune.Runs;

namespace Attune.Tests.Runs;

public sealed class RecipeTests
{
    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    public void Text_that_is_nested_without_end_is_a_problem_and_not_the_end_of_the_program(string piece)
    {
        var problems = new List<Problem>();
        Assert.Null(RecipeTree.Read($"steps: {string.Concat(Enumerable.Repeat(piece, 100_000))}", problems));
        Assert.Contains("nested more than 64 deep", Assert.Single(problems).Message);
    }

    private enum Form
    {
        Plain,
        TwoWords,
        [RecipeName("openai-2019")]
        OpenAi2019,
    }

    private sealed record Update : IChecked
    {
        public static IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Presets { get; } =
            new Dictionary<string, IReadOnlyDictionary<string, string>>
            {
                ["instructgpt"] = new Dictionary<string, string> { ["steps"] = "256", ["clipRange"] = "0.3" },
                ["openai-2019"] = new Dictionary<string, string> { ["form"] = "openai-2019", ["kl.target"] = "6" },
            };

        public int Steps { get; init; } = 1_000;

        public double ClipRange { get; init; } = 0.2;

        public bool Whiten { get; init; }

        public Form Form { get; init; }

        public double? EarlyStop { get; init; }

        public Leash Kl { get; init; } = new();

        public IEnumerable<Problem> Check()
        {
            if (Steps < 1)
                yield return new("steps", $"is {Steps}, expected at least 1; 1000 is usual");
            if (ClipRange is <= 0 or >= 1)
                yield return new("clipRange", $"is {ClipRange}, expected between 0 and 1; 0.2 is usual");
        }
    }

    private sealed record Leash : IChecked
    {
        public double? Target { get; init; }

        public string Kind { get; init; } = "k1";

        public IEnumerable<Problem> Check()
        {
            if (Target is <= 0)
                yield return new("target", $"is {Target}, expected more than 0; 6 is usual");
        }
    }

    private sealed record Source
    {
        public required string Path { get; init; }

        public double Weight { get; init; } = 1;
    }

    private sealed record Whole
    {
        public required string Model { get; init; }

        public ulong Seed { get; init; } = 1;

        public long Tokens { get; init; }

        [ResultNeutral]
        public string? Note { get; init; }

        public Update Ppo { get; init; } = new();

        public IReadOnlyList<Source> Data { get; init; } = [];

        public IReadOnlyList<int> Sizes { get; init; } = [1, 4];

        public IReadOnlyDictionary<string, string> Fields { get; init; } = new Dictionary<string, string>();
    }

    private static Whole Read(string yaml, params string[] flags) => Recipe.Parse<Whole>(yaml, "recipes/x.yaml", flags);

    private static string Refused(string yaml, params string[] flags) =>
        Assert.Throws<InputException>(() => Read(yaml, flags)).Message;

    [Fact]
    public void Keys_of_every_kind_are_read()
    {
        var recipe = Read("""
            model: models/base
            seed: 18446744073709551615
            tokens: 1_000_000
            note: ~
            ppo: { steps: 50, clipRange: 1e-1, whiten: true, form: two-words, earlyStop: null, kl: { target: 6 } }
            data:
              - path: a.jsonl
              - { path: b.jsonl, weight: 0.5 }
            sizes: [8, 16, 3e2]
            fields: { prompt: question, response: "null" }
            """);

        Assert.Equal("models/base", recipe.Model);
        Assert.Equal(ulong.MaxValue, recipe.Seed);
        Assert.Equal(1_000_000, recipe.Tokens);
        Assert.Null(recipe.Note);
        Assert.Equal(new Update { Steps = 50, ClipRange = 0.1, Whiten = true, Form = Form.TwoWords, Kl = new Leash { Target = 6 } }, recipe.Ppo);
        Assert.Equal([new Source { Path = "a.jsonl" }, new Source { Path = "b.jsonl", Weight = 0.5 }], recipe.Data);
        Assert.Equal([8, 16, 300], recipe.Sizes);
        Assert.Equal("null", recipe.Fields["response"]);
    }

    [Fact]
    public void Keys_left_out_keep_their_usual_values() => Assert.Equal(new Update(), Read("model: m").Ppo);

    [Fact]
    public void Every_problem_is_reported_at_once()
    {
        var message = Refused("""
            seed: -1
            tokens: 1.5
            modle: m
            ppo:
              steps: many
              clip_range: 0.3
              whiten: yes
              form: twowords
              kl: 3
            data:
              - weight: heavy
            sizes: 8
            sizes: [9]
            """, "--ppo.stesp", "5");

        Assert.Equal("""
            recipes/x.yaml has 12 problems
              seed            is -1 (line 1), expected a whole number from 0 to 18446744073709551615; choose one in that range
              tokens          is 1.5 (line 2), expected a whole number; write it like 1000 or 1_000
              modle           is not a key (line 3), expected one of model, seed, tokens, note, ppo, data, sizes, fields; did you mean model?
              ppo.steps       is many (line 5), expected a whole number; write it like 1000 or 1_000
              ppo.clip_range  is not a key (line 6), expected one of steps, clipRange, whiten, form, earlyStop, kl, preset; did you mean ppo.clipRange?
              ppo.whiten      is yes (line 7), expected true or false; write it without quotes, in lower case
              ppo.form        is twowords (line 8), expected one of plain, two-words, openai-2019; did you mean two-words?
              ppo.kl          is 3 (line 9), expected a section with target, kind; write its keys on indented lines below
              ppo.stesp       is not a key (flag --ppo.stesp), expected one of steps, clipRange, whiten, form, earlyStop, kl, preset; did you mean ppo.steps?
              data[0].weight  is heavy (line 11), expected a number; write it like 0.5 or 1e-4
              data[0].path    is missing, expected text; add the line "path: ..."
              sizes           is 8 (line 12), expected a list; write [a, b] or one "- " line each
              sizes           is written twice (line 12, line 13), expected once; delete one
              model           is missing, expected text; add the line "model: ..."
            """.Replace("12 problems", "14 problems"), message);
    }

    [Fact]
    public void Values_out_of_range_are_refused_by_their_section_with_its_path()
    {
        var message = Refused("""
            model: m
            ppo:
              steps: 0
              clipRange: 2
              kl:
                target: -1
            """);

        Assert.Equal("""
            recipes/x.yaml has 3 problems
              ppo.kl.target  is -1, expected more than 0; 6 is usual
              ppo.steps      is 0, expected at least 1; 1000 is usual
              ppo.clipRange  is 2, expected between 0 and 1; 0.2 is usual
            """, message);
    }

    [Fact]
    public void A_section_that_cannot_be_read_is_not_checked_but_its_neighbours_are()
    {
        var message = Refused("model: m\nppo: { clipRange: 2, steps: x, kl: { target: -1 } }");

        Assert.Equal("""
            recipes/x.yaml has 2 problems
              ppo.steps      is x (line 2), expected a whole number; write it like 1000 or 1_000
              ppo.kl.target  is -1, expected more than 0; 6 is usual
            """, message);
    }

    [Theory]
    [InlineData("", "is empty, expected lines of \"key: value\"; the keys are model, seed, tokens, note, ppo, data, sizes, fields")]
    [InlineData("# nothing", "is empty, expected lines of \"key: value\"; the keys are model, seed, tokens, note, ppo, data, sizes, fields")]
    [InlineData("- a", "is a list of 1, expected lines of \"key: value\"; the keys are model, seed, tokens, note, ppo, data, sizes, fields")]
    [InlineData("hello", "is hello, expected lines of \"key: value\"; the keys are model, seed, tokens, note, ppo, data, sizes, fields")]
    [InlineData("model:", "model  has no value (line 1), expected text; write one after the colon")]
    [InlineData("model: m\nseed:", "seed  has no value (line 2), expected a whole number; delete the line for the usual 1")]
    [InlineData("model: m\nsteps: 5", "steps  is not a key (line 2), expected one of model, seed, tokens, note, ppo, data, sizes, fields; did you mean ppo.steps?")]
    [InlineData("model: m\ntokens: 99999999999999999999", "tokens  is 99999999999999999999 (line 2), expected a whole number from -9223372036854775808 to 9223372036854775807; choose one in that range")]
    [InlineData("model: [a]", "model  is a list of 1 (line 1), expected text; write a single value")]
    [InlineData("model: m\nppo: { clipRange: nan }", "ppo.clipRange  is nan (line 2), expected a number; write it like 0.5 or 1e-4")]
    [InlineData("model: ${ATTUNE_NOT_SET}/m", "model  is ${ATTUNE_NOT_SET}/m (line 1), but ATTUNE_NOT_SET is not set, expected an environment variable ATTUNE_NOT_SET; set it: export ATTUNE_NOT_SET=...")]
    [InlineData("model: m\nppo: { preset: instructgtp }", "ppo.preset  is instructgtp, expected one of instructgpt, openai-2019; did you mean instructgpt?")]
    [InlineData("model: m\n---\nmodel: n", "has a second document (---), expected one; split the file")]
    public void One_problem_reads_in_three_parts(string yaml, string expected) =>
        Assert.Equal($"recipes/x.yaml has 1 problem\n  {expected}", Refused(yaml));

    [Fact]
    public void Broken_yaml_names_line_and_column()
    {
        var message = Refused("model: m\nppo:\n  steps: 5\n kl: 1\n");

        Assert.StartsWith("recipes/x.yaml has 1 problem\n  line 4, column 2  is not YAML: ", message);
    }

    [Fact]
    public void An_unclosed_bracket_names_the_line_it_was_noticed_after() =>
        Assert.Equal(
            "recipes/x.yaml has 1 problem\n  line 2  is not YAML from here on; expected every [ { and \" to be closed; close it",
            Refused("model: m\nppo: { steps: 5\nseed: 1\n"));

    [Fact]
    public void Flags_win_over_the_file()
    {
        var recipe = Read("model: m\nppo:\n  steps: 7\n", "--ppo.steps", "50", "--ppo.kl.target=-0.5e1", "--sizes", "[2, 3]", "--note", "a: b",
            "--ppo.kl.target=3");

        Assert.Equal(50, recipe.Ppo.Steps);
        Assert.Equal(3, recipe.Ppo.Kl.Target);
        Assert.Equal([2, 3], recipe.Sizes);
        Assert.Equal("a: b", recipe.Note);
    }

    [Theory]
    [InlineData("--ppo.steps", "--ppo.steps  has no value, expected --ppo.steps VALUE; write the value after it, or --ppo.steps=VALUE")]
    [InlineData("50", "50  stands alone, expected --key value; put the recipe key it belongs to before it")]
    [InlineData("--model.name=x", "--model.name  goes through model, which is m, expected a section; set that key as a whole")]
    public void Flags_that_cannot_be_understood_are_problems(string flag, string expected) =>
        Assert.Equal($"recipes/x.yaml has 1 problem\n  {expected}", Refused("model: m", flag));

    [Fact]
    public void A_preset_fills_what_is_not_written_and_explicit_keys_win()
    {
        var recipe = Read("model: m\nppo: { clipRange: 0.1, preset: instructgpt }");

        Assert.Equal(256, recipe.Ppo.Steps);
        Assert.Equal(0.1, recipe.Ppo.ClipRange);
    }

    [Fact]
    public void A_preset_reaches_nested_sections_and_may_be_chosen_by_flag()
    {
        var recipe = Read("model: m\nppo: { kl: { kind: k2 } }", "--ppo.preset", "openai-2019");

        Assert.Equal(Form.OpenAi2019, recipe.Ppo.Form);
        Assert.Equal(new Leash { Target = 6, Kind = "k2" }, recipe.Ppo.Kl);
    }

    [Fact]
    public void Environment_variables_are_put_in_and_two_dollars_stand_for_themselves()
    {
        Environment.SetEnvironmentVariable("ATTUNE_RECIPE_TEST", "/data/x");

        Assert.Equal("/data/x/a.jsonl", Read("model: ${ATTUNE_RECIPE_TEST}/a.jsonl").Model);
        Assert.Equal("${ATTUNE_RECIPE_TEST}", Read("model: $${ATTUNE_RECIPE_TEST}").Model);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("")]
    [InlineData("true")]
    [InlineData("12")]
    [InlineData("~")]
    [InlineData("a: b # c")]
    [InlineData("say \"hi\"\\ \n\t\u0001\u00a0\u2028 \U0001F600 ünï")]
    [InlineData("${HOME} and $${HOME}")]
    [InlineData(" - lead")]
    [InlineData("{{ user }}")]
    public void Any_text_survives_writing_and_reading(string text)
    {
        var recipe = new Whole { Model = text, Note = text, Fields = new Dictionary<string, string> { [text] = text } };

        var again = Read(Recipe.ToYaml(recipe));

        Assert.Equal(text, again.Model);
        Assert.Equal(text, again.Note);
        Assert.Equal(text, again.Fields[text]);
    }

    [Fact]
    public void A_resolved_recipe_names_every_key_and_reads_back_equal()
    {
        var recipe = new Whole
        {
            Model = "models/base",
            Ppo = new Update { ClipRange = 1e-7, EarlyStop = double.PositiveInfinity, Form = Form.OpenAi2019 },
            Data = [new Source { Path = "a" }, new Source { Path = "b c", Weight = 0.1 }],
        };

        var yaml = Recipe.ToYaml(recipe);

        Assert.Equal("""
            model: models/base
            seed: 1
            tokens: 0
            note: null
            ppo:
              steps: 1000
              clipRange: 1e-07
              whiten: false
              form: openai-2019
              earlyStop: .inf
              kl:
                target: null
                kind: k1
            data:
              - path: a
                weight: 1
              - path: "b c"
                weight: 0.1
            sizes: [1, 4]
            fields: {}

            """, yaml);
        Assert.Equal(yaml, Recipe.ToYaml(Read(yaml)));
    }

    [Fact]
    public void Keys_that_change_results_are_told_from_those_that_do_not()
    {
        var before = Recipe.ToYaml(new Whole { Model = "m", Note = "first" });
        var now = new Whole { Model = "m", Note = "second", Ppo = new Update { ClipRange = 0.3 }, Sizes = [1] };

        var differences = Recipe.Differences(before, now);

        Assert.Equal(["ppo.clipRange", "sizes.length", "sizes[1]"], differences.Select(d => d.Key));
        Assert.Equal("is 0.3, expected 0.2, as when the run began; set it back, or begin anew with another --out", differences[0].Message);
    }

    [Fact]
    public void A_recipe_that_is_not_there_says_so()
    {
        var message = Assert.Throws<InputException>(() => Recipe.Load<Whole>("recipes/none.yaml", [])).Message;

        Assert.Equal($"recipes/none.yaml has 1 problem\n  does not exist, expected a recipe file; check the path; the current folder is {Directory.GetCurrentDirectory()}", message);
    }
}
