namespace Attune.Runs;

/// <summary>Keys set from the command line (<c>--ppo.steps 50</c>, <c>--ppo.steps=50</c>) and by presets, put into a tree before it is bound.</summary>
internal static class RecipeOverrides
{
    public static void Apply(RecipeMap tree, IReadOnlyList<string> flags, List<Problem> problems)
    {
        for (var i = 0; i < flags.Count; i++)
        {
            var flag = flags[i];
            if (!flag.StartsWith("--", StringComparison.Ordinal) || flag.Length == 2)
            {
                problems.Add(Problem.Of(flag, "stands alone", "--key value", "put the recipe key it belongs to before it"));
                continue;
            }
            var parts = flag[2..].Split('=', 2);
            string value;
            if (parts.Length == 2)
            {
                value = parts[1];
            }
            else if (i + 1 < flags.Count && !flags[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                value = flags[++i];
            }
            else
            {
                problems.Add(Problem.Of(flag, "has no value", $"{flag} VALUE", $"write the value after it, or {flag}=VALUE"));
                continue;
            }
            Set(tree, parts[0], Node(value, $"flag --{parts[0]}", problems), problems);
        }
    }

    /// <summary>Sets a dotted key unless the tree already says something about it.</summary>
    public static void SetDefault(RecipeMap tree, string key, string text, string where)
    {
        var parts = key.Split('.');
        for (var i = 0; i < parts.Length - 1; i++)
        {
            var next = tree.Find(parts[i]);
            if (next is null)
                tree.Set(parts[i], next = new RecipeMap(where));
            if (next is not RecipeMap below)
                return; // not a section: the binder says so
            tree = below;
        }
        if (tree.Find(parts[^1]) is null)
            tree.Set(parts[^1], Node(text, where, []));
    }

    private static void Set(RecipeMap tree, string key, RecipeNode value, List<Problem> problems)
    {
        var parts = key.Split('.');
        for (var i = 0; i < parts.Length - 1; i++)
        {
            if (tree.Find(parts[i]) is null or RecipeScalar { IsNull: true })
                tree.Set(parts[i], new RecipeMap(value.Where));
            if (tree.Find(parts[i]) is not RecipeMap below)
            {
                problems.Add(Problem.Of($"--{key}", $"goes through {string.Join('.', parts[..(i + 1)])}, which {tree.Find(parts[i])!.Describe()}",
                    "a section", "set that key as a whole"));
                return;
            }
            tree = below;
        }
        tree.Set(parts[^1], value);
    }

    /// <summary>Text as it is, but lists and sections (<c>[a, b]</c>, <c>{a: 1}</c>) as YAML.</summary>
    private static RecipeNode Node(string text, string where, List<Problem> problems) =>
        text.StartsWith('[') || text.StartsWith('{')
            ? RecipeTree.Read(text, problems, where) ?? new RecipeScalar(where, text, quoted: true)
            : new RecipeScalar(where, text, quoted: false);
}
