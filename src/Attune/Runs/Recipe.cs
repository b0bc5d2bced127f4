namespace Attune.Runs;

/// <summary>
/// A recipe is one YAML file bound strictly to one record: keys are the record's init properties in camelCase, enum members in kebab-case,
/// nested records are sections. Unknown keys, wrong types, repeated keys and values that a section's <see cref="IChecked.Check"/> refuses
/// are all reported at once. A section whose record has a static <c>Presets</c> dictionary takes <c>preset: name</c>; keys written out win
/// over the preset. <c>${NAME}</c> in text is an environment variable. Not here: recipes that extend each other, tags, several documents.
/// </summary>
public static class Recipe
{
    /// <summary>Reads a recipe file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">Flags that win over the file, as typed: <c>["--ppo.steps", "50"]</c>.</param>
    /// <exception cref="InputException">The file cannot be read, or something in it or in the flags is wrong; lists every problem.</exception>
    public static T Load<T>(string path, IReadOnlyList<string> overrides)
        where T : class => Parse<T>(TextOf(path), path, overrides);

    /// <summary>Reads a recipe from text.</summary>
    /// <param name="yaml">The recipe.</param>
    /// <param name="title">What to call it in messages: usually its path.</param>
    /// <param name="overrides">Flags that win over the text.</param>
    /// <exception cref="InputException">Something in it or in the flags is wrong; lists every problem.</exception>
    public static T Parse<T>(string yaml, string title, IReadOnlyList<string> overrides)
        where T : class
    {
        var problems = new List<Problem>();
        var tree = RecipeTree.Read(yaml, problems);
        if (problems.Count > 0)
            throw new InputException(title, problems);
        if (tree is not RecipeMap map)
        {
            var keys = string.Join(", ", RecipeKeys.Of(typeof(T)).Select(k => k.Name));
            var found = tree is null or RecipeScalar { IsNull: true } ? "is empty" : tree.Describe();
            throw InputException.One(title, found, "lines of \"key: value\"", $"the keys are {keys}");
        }
        RecipeOverrides.Apply(map, overrides, problems);
        var bound = new RecipeBinder(typeof(T), problems).Bind(map);
        return problems.Count == 0 ? (T)bound : throw new InputException(title, problems);
    }

    /// <summary>The keys at the top of a recipe file and of flags over it, whatever record they are for.</summary>
    /// <exception cref="InputException">The file cannot be read, or is not YAML.</exception>
    public static IReadOnlySet<string> SectionsOf(string path, IReadOnlyList<string> overrides)
    {
        var problems = new List<Problem>();
        var tree = RecipeTree.Read(TextOf(path), problems) as RecipeMap ?? new RecipeMap("");
        if (problems.Count == 0)
            RecipeOverrides.Apply(tree, overrides, problems);
        return problems.Count == 0 ? tree.Entries.Select(entry => entry.Key).ToHashSet() : throw new InputException(path, problems);
    }

    /// <summary>The recipe with every key and its value; <see cref="Parse"/> gives an equal record back.</summary>
    public static string ToYaml<T>(T recipe)
        where T : class => RecipeWriter.Write(recipe);

    /// <summary>
    /// The keys that differ between a stored resolved recipe and this one, less those marked <see cref="ResultNeutralAttribute"/>:
    /// what a resumed run would do differently.
    /// </summary>
    internal static IReadOnlyList<Problem> Differences<T>(string storedYaml, T now)
        where T : class
    {
        var problems = new List<Problem>();
        var before = Flat(RecipeTree.Read(storedYaml, problems));
        var after = Flat(RecipeTree.Read(ToYaml(now), problems));
        foreach (var key in before.Keys.Union(after.Keys).Where(k => !IsNeutral(now.GetType(), k)))
        {
            var (old, current) = (before.GetValueOrDefault(key), after.GetValueOrDefault(key));
            if (old != current)
            {
                problems.Add(Problem.Of(key, current is null ? "is not set" : $"is {current}",
                    old is null ? "no such key, as when the run began" : $"{old}, as when the run began", "set it back, or begin anew with another --out"));
            }
        }
        return problems;
    }

    private static bool IsNeutral(Type section, string path)
    {
        foreach (var part in path.Split('.'))
        {
            var key = RecipeKeys.Of(section).FirstOrDefault(k => k.Name == part.Split('[')[0]);
            if (key is null || key.IsNeutral)
                return key is not null;
            if (!RecipeKeys.IsSection(key.Type))
                return false;
            section = key.Type;
        }
        return false;
    }

    private static Dictionary<string, string> Flat(RecipeNode? node)
    {
        var values = new Dictionary<string, string>();
        Walk(node, "");
        return values;

        void Walk(RecipeNode? at, string path)
        {
            switch (at)
            {
                case RecipeScalar scalar:
                    values[path] = scalar.Text;
                    break;
                case RecipeList list:
                    values[path + ".length"] = $"{list.Items.Count}";
                    for (var i = 0; i < list.Items.Count; i++)
                        Walk(list.Items[i], $"{path}[{i}]");
                    break;
                case RecipeMap map:
                    foreach (var entry in map.Entries)
                        Walk(entry.Value, path.Length == 0 ? entry.Key : $"{path}.{entry.Key}");
                    break;
            }
        }
    }

    private static string TextOf(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw InputException.One(path, "does not exist", "a recipe file", $"check the path; the current folder is {Directory.GetCurrentDirectory()}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var found = Directory.Exists(path) ? "is a folder" : "cannot be read";
            throw InputException.One(path, found, "a recipe file", "name a file that you may read");
        }
    }
}
